// A guest in JavaScript, as it is usually written: greets, and sends bodies back while they arrive.

addEventListener("fetch", (event) => event.respondWith(answer(event.request)));

function answer(request) {
  if (request.method === "POST") {
    const headers = { "content-type": request.headers.get("content-type") ?? "application/octet-stream" };
    return new Response(request.body, { headers });
  }
  return new Response("Hello from JavaScript!\n", { headers: { "content-type": "text/plain" } });
}
