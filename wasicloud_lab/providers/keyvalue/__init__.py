"""Key-value providers."""
