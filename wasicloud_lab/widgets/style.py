"""How the panel looks: one style sheet for the picture, the rows and the small widgets, light and dark.

Colours are JupyterLab's own variables, then VS Code's, then a light default. Every rule starts with a class of ours.
The picture brings it to the page for all of them, so that it is sent once.
"""

from __future__ import annotations

CSS = """
.wl-panel, .wl-wiring, .wl-url, .wl-copy {
  --wl-ink: var(--jp-content-font-color1, var(--vscode-editor-foreground, #222));
  --wl-faint: var(--jp-content-font-color2, var(--vscode-descriptionForeground, #5c5c5c));
  --wl-paper: var(--jp-layout-color1, var(--vscode-editor-background, #fff));
  --wl-ground: var(--jp-layout-color2, var(--vscode-sideBar-background, #f2f3f5));
  --wl-edge: var(--jp-border-color1, var(--vscode-panel-border, #c4c8cc));
  --wl-focus: var(--jp-brand-color1, var(--vscode-focusBorder, #1976d2));
  --wl-good: var(--jp-success-color1, #2e8540);
  --wl-busy: var(--jp-warn-color1, #d9730d);
  --wl-bad: var(--jp-error-color1, #c62828);
  --wl-keyvalue: #3b82d6;
  --wl-blobstore: #1c9c8c;
  --wl-handler: #a06bd1;
  --wl-sans: var(--jp-ui-font-family, system-ui, sans-serif);
  --wl-mono: var(--jp-code-font-family, ui-monospace, monospace);
  color: var(--wl-ink);
}
/* the arrow of ipywidgets' dropdowns is black */
body[data-jp-theme-light="false"] .wl-panel, body.vscode-dark .wl-panel {
  --jp-widgets-dropdown-arrow: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 18 18'%3E\
%3Cpath d='M5.2 5.9 9 9.7l3.8-3.8 1.2 1.2-4.9 5-5-5z' fill='%23ddd'/%3E%3C/svg%3E"); }
.wl-panel { padding: 2px; overflow: visible; }
/* the picture says once that the kernel is gone; not every widget */
.wl-panel.jupyter-widgets-disconnected::before, .wl-panel .jupyter-widgets-disconnected::before { display: none; }
.wl-panel.jupyter-widgets-disconnected > :not(.wl-wiring) { opacity: 0.5; }
.wl-panel .widget-label { color: var(--wl-ink); }

/* the picture */
.wl-wiring { position: relative; font: 14px/1.35 var(--wl-sans); border-radius: 10px; padding: 12px;
  background: var(--wl-ground); box-sizing: border-box; width: 100%; }
.wl-wires { position: absolute; inset: 0; width: 100%; height: 100%; overflow: visible; pointer-events: none; }
.wl-boxes { position: relative; display: grid; grid-template-columns: minmax(0, 3.1fr) minmax(0, 1.9fr);
  column-gap: clamp(36px, 7%, 110px); align-items: center; }
.wl-apps, .wl-providers { display: flex; flex-direction: column; gap: 12px; min-width: 0; }
.wl-group { display: grid; grid-template-columns: minmax(0, 1fr) minmax(190px, 0.85fr); }
.wl-card { background: var(--wl-paper); border: 1px solid var(--wl-edge); border-radius: 8px; padding: 8px 14px;
  min-width: 0; box-shadow: 0 1px 3px rgb(0 0 0 / 12%); }
.wl-provider { border-left: 5px solid var(--wl-tint); transition: border-color 0.2s; }
.wl-keyvalue { --wl-tint: var(--wl-keyvalue); }
.wl-blobstore { --wl-tint: var(--wl-blobstore); }
.wl-handler { --wl-tint: var(--wl-handler); }
.wl-name { font-size: 22px; font-weight: 600; overflow-wrap: anywhere; }
.wl-summary { font-size: 19px; line-height: 1.25; }
.wl-rest { color: var(--wl-faint); font-size: 13px; font-weight: 400; }
.wl-fact { color: var(--wl-faint); font-size: 12.5px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.wl-served { color: var(--wl-good); }
.wl-served:empty, .wl-words:empty, .wl-notice:empty { display: none; }
.wl-loose { grid-column: 1 / -1; order: 1; display: flex; flex-flow: row wrap; gap: 6px 8px; margin-top: 12px; }
.wl-loose .wl-card { display: flex; align-items: baseline; gap: 8px; padding: 3px 12px; }
.wl-loose .wl-name { font-size: 15px; }
.wl-head { display: flex; align-items: center; gap: 7px; color: var(--wl-faint); font-size: 13px; }
.wl-kind { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.wl-trip { font-variant-numeric: tabular-nums; white-space: nowrap; }
.wl-dot { width: 12px; height: 12px; border-radius: 50%; background: var(--wl-faint); flex: none; }
.wl-ok .wl-dot { background: var(--wl-good); }
.wl-failed .wl-dot { background: var(--wl-bad); border-radius: 2px; }
.wl-provider.wl-failed { border-color: var(--wl-bad);
  background: color-mix(in srgb, var(--wl-bad) 9%, var(--wl-paper)); }
.wl-failed .wl-trip { color: var(--wl-bad); font-weight: 600; }
.wl-words { color: var(--wl-bad); font-size: 13px; margin-top: 3px; display: -webkit-box;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 3; overflow: hidden; overflow-wrap: anywhere; }
.wl-labels { display: flex; flex-direction: column; justify-content: space-evenly; min-width: 0; gap: 6px; }
.wl-labels.wl-behind { padding-top: 22px; }
.wl-label { display: grid; grid-template: 1fr 1fr / minmax(0, 1fr); row-gap: 7px; min-height: 48px;
  padding: 0 4px 0 12px; }
.wl-package { font: 600 14px/1.4 var(--wl-mono); align-self: end; overflow-wrap: anywhere; }
.wl-passes { font-size: 14px; font-variant-numeric: tabular-nums; color: var(--wl-faint); }
.wl-passes span { white-space: nowrap; }
.wl-label.wl-moving .wl-passes span { white-space: normal; }
.wl-label.wl-flows .wl-passes { color: var(--wl-ink); }
.wl-label.wl-erred .wl-passes, .wl-label.wl-failed .wl-passes { color: var(--wl-bad); }
.wl-label.wl-moving .wl-passes { color: var(--wl-busy); font-weight: 600; }
.wl-line { fill: none; stroke: var(--wl-tint); stroke-width: 2.5; opacity: 0.75; stroke-linecap: round; }
.wl-line.wl-flows { opacity: 1; stroke-width: 3; }
.wl-line.wl-failed { stroke: var(--wl-bad); stroke-dasharray: 3 6; opacity: 1; }
.wl-line.wl-moving { stroke: var(--wl-busy); stroke-dasharray: 9 7; opacity: 1;
  animation: wl-march 0.7s linear infinite; }
@keyframes wl-march { to { stroke-dashoffset: -16; } }
.wl-pulse { fill: var(--wl-tint); stroke: var(--wl-paper); stroke-width: 1.5; }
.wl-pulse.wl-bad { fill: var(--wl-bad); }
.wl-empty { grid-column: 1 / -1; text-align: center; color: var(--wl-faint); padding: 22px 0; }
.wl-notice { position: relative; margin-top: 12px; color: var(--wl-busy); font-weight: 600; }
.wl-dead .wl-boxes, .wl-dead .wl-wires { opacity: 0.45; }
.wl-dead .wl-rate { display: none; }
.wl-dead .wl-label .wl-passes { color: var(--wl-faint); }
.wl-spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }
.wl-narrow { padding: 12px; }
.wl-narrow .wl-boxes { grid-template-columns: minmax(0, 1fr); row-gap: 16px; padding-left: var(--wl-rails, 24px); }
.wl-narrow .wl-group { grid-template-columns: minmax(0, 1fr); }
.wl-narrow .wl-label { grid-template-rows: auto; row-gap: 0; min-height: 44px; align-content: center;
  padding-left: 10px; margin-left: 8px; }
.wl-narrow .wl-summary { font-size: 17px; }
.wl-narrow .wl-fact { white-space: normal; overflow-wrap: anywhere; }
.wl-narrow .wl-labels.wl-behind { padding-top: 0; }
@media (prefers-reduced-motion: reduce) {
  .wl-line.wl-moving { animation: none; }
  .wl-provider { transition: none; }
}

/* tabs: whole titles, on two lines where there is no room */
.wl-panel .widget-tab > .lm-TabBar { overflow: visible; }
.wl-panel .widget-tab > .lm-TabBar .lm-TabBar-content { flex-wrap: wrap; }
.wl-panel .widget-tab > .lm-TabBar .lm-TabBar-tab { flex: 0 0 auto; min-width: 0; max-width: none;
  padding: 0 14px; }
.wl-panel .wl-narrow ~ .widget-tab > .lm-TabBar .lm-TabBar-tab { padding: 0 8px; }
.wl-panel .widget-tab > .widget-tab-contents { padding: 6px 12px; }

/* sections */
.wl-bar { display: flex; flex-flow: row wrap; align-items: center; gap: 4px 12px; margin: 6px 2px 2px;
  overflow: visible; }
.wl-bar .wl-title { flex: 1; }
.wl-bar.wl-right { justify-content: flex-end; margin: 0 2px; }
.wl-title, .wl-title p { font: 600 16px/1.4 var(--wl-sans); margin: 0; }
.wl-title h3.wl-h { font: 600 16px/1.4 var(--wl-sans); margin: 0; color: var(--wl-ink); }
.wl-panel .wl-row { display: flex; flex-flow: row wrap; gap: 2px 14px; border: 1px solid var(--wl-edge);
  border-radius: 8px; padding: 4px 12px; margin: 2px; overflow: visible; }
.wl-row > * { min-width: 0; }
.wl-row > .wl-controls { flex: 1 1 100%; }
/* short words stand beside what is plugged in; a longer story stands below, where it moves no button */
.wl-row > .wl-says:has(.wl-refused) { order: 1; flex: 1 1 100%; }
.wl-swap.wl-off { opacity: 0.45; cursor: default; }
.wl-controls { display: flex; flex-flow: row wrap; align-items: center; gap: 4px 14px; overflow: visible; }
.wl-controls > .widget-dropdown { flex: 1 1 300px; max-width: 460px; min-width: 0; }
.wl-controls > .widget-checkbox { width: auto; flex: none; }
.wl-controls > .widget-checkbox label { display: flex; align-items: center; }
.wl-controls > .widget-checkbox input { margin-top: 0; }
.wl-controls > .wl-url { flex: 1 1 100%; }
.wl-says { font: 13.5px/1.45 var(--wl-sans); overflow-wrap: anywhere; overflow: visible; }
.wl-says .widget-html-content { line-height: 1.45; }
.wl-now b { font-weight: 600; }
.wl-refused { color: var(--wl-bad); font-weight: 600; white-space: normal; }
.wl-done { color: var(--wl-good); }
.wl-running { color: var(--wl-busy); font-variant-numeric: tabular-nums; font-weight: 600; }
.wl-history .wl-log { max-height: 60px; overflow: auto; margin: 0; padding: 3px 10px;
  border: 1px solid var(--wl-edge);
  border-radius: 8px; font: 12.5px/20px var(--wl-sans); list-style: none; font-variant-numeric: tabular-nums; }
.wl-history .wl-log li { overflow-wrap: anywhere; }
.wl-history .wl-log .wl-when { color: var(--wl-faint); margin-right: 8px; }
.wl-history .wl-log:focus-visible { outline: 2px solid var(--wl-focus); }
.wl-url { display: flex; align-items: center; gap: 8px; width: 100%; font: 13.5px var(--wl-sans); }
.wl-url label { min-width: 70px; text-align: right; }
.wl-url input { flex: 1; min-width: 0; height: 28px; box-sizing: border-box; padding: 2px 8px;
  font: 13.5px var(--wl-mono);
  color: var(--wl-ink); background: var(--wl-paper); border: 1px solid var(--wl-edge); border-radius: 3px; }
.wl-url input:focus-visible { outline: 2px solid var(--wl-focus); outline-offset: 0; }
.wl-copy { display: flex; flex-flow: row wrap; align-items: center; gap: 4px 8px; width: auto; max-width: 100%; }
.wl-copy:has(textarea:not([hidden])) { flex: 1 1 100%; }
.wl-copy .wl-copy-button { font: 12.5px var(--wl-sans); color: var(--wl-faint); background: transparent;
  cursor: pointer; border: 1px solid var(--wl-edge); border-radius: 12px; padding: 2px 12px; }
.wl-copy .wl-copy-button:hover { color: var(--wl-ink); background: var(--wl-ground); }
.wl-copy-button:focus-visible { outline: 2px solid var(--wl-focus); }
.wl-copy-said { font: 12.5px var(--wl-sans); color: var(--wl-good); }
.wl-copy textarea { flex: 1 1 340px; min-width: 0; font: 12.5px/1.5 var(--wl-mono); color: var(--wl-ink);
  resize: vertical;
  background: var(--wl-ground); border: 1px solid var(--wl-edge); border-radius: 4px; padding: 3px 8px;
  white-space: pre;
  overflow-x: auto; box-sizing: border-box; }
.wl-copy textarea[hidden] { display: none; }
"""
