/**
 * What all ratios are against: the least that a proxy on this runtime can do.
 *
 * deno run --allow-net bench/bare_proxy.ts PORT UPSTREAM
 */
const [port, upstream] = Deno.args;

Deno.serve({ hostname: "127.0.0.1", port: Number(port), onListen() {} }, async (request) => {
  const { pathname, search } = new URL(request.url);
  const headers = new Headers(request.headers);
  headers.delete("host");
  const { body, status, headers: given } = await fetch(`${upstream}${pathname}${search}`, {
    method: request.method,
    headers,
    body: request.body,
  });
  return new Response(body, { status, headers: given });
});
