import assert from "node:assert/strict";
import { publicAddress, s3Address } from "./s3_address.ts";

Deno.test("an endpoint is understood in every form in which consoles show it", () => {
  const rows: [endpoint: string, server: string, region: string, pathStyle: boolean][] = [
    ["https://s3.eu-central-1.amazonaws.com", "https://s3.eu-central-1.amazonaws.com", "eu-central-1", false],
    ["https://s3.amazonaws.com/", "https://s3.amazonaws.com", "us-east-1", false],
    ["https://fotos.s3.eu-west-3.amazonaws.com", "https://s3.eu-west-3.amazonaws.com", "eu-west-3", false],
    ["https://s3-eu-west-1.amazonaws.com/fotos/", "https://s3-eu-west-1.amazonaws.com", "eu-west-1", true],
    ["https://abc.r2.cloudflarestorage.com", "https://abc.r2.cloudflarestorage.com", "us-east-1", false],
    ["https://abc.r2.cloudflarestorage.com/fotos", "https://abc.r2.cloudflarestorage.com", "us-east-1", true],
    [
      "https://fotos.abc.r2.cloudflarestorage.com//",
      "https://abc.r2.cloudflarestorage.com",
      "us-east-1",
      false,
    ],
    [
      "https://s3.us-west-004.backblazeb2.com",
      "https://s3.us-west-004.backblazeb2.com",
      "us-west-004",
      false,
    ],
    ["https://s3.fr-par.scw.cloud", "https://s3.fr-par.scw.cloud", "fr-par", false],
    ["http://minio:9000", "http://minio:9000", "us-east-1", true],
    ["http://localhost:9000/fotos", "http://localhost:9000", "us-east-1", true],
    ["https://fotos.example.com", "https://fotos.example.com", "us-east-1", false],
    ["https://example.com/s3/fotos", "https://example.com/s3", "us-east-1", true],
    ["https://example.com/fotos-alt", "https://example.com/fotos-alt", "us-east-1", false],
  ];
  for (const [endpoint, server, region, pathStyle] of rows) {
    const address = s3Address({ endpoint, bucket: "fotos" });
    assert.deepEqual(address, { endpoint: server, region, pathStyle }, endpoint);
  }
});

Deno.test("what the operator says about region and style holds", () => {
  const said = { bucket: "fotos", region: "garage", pathStyle: true };
  assert.deepEqual(s3Address({ ...said, endpoint: "https://fotos.s3.eu-west-3.amazonaws.com" }), {
    endpoint: "https://fotos.s3.eu-west-3.amazonaws.com",
    region: "garage",
    pathStyle: true,
  });
});

Deno.test("a public address survives blanks, other scripts and what means something in a URL", () => {
  const address = publicAddress("https://cdn.example/pictures/", "images/a 狐 #1?+%2F.png");
  assert.equal(address, "https://cdn.example/pictures/images/a%20%E7%8B%90%20%231%3F%2B%252F.png");
  assert.equal(decodeURIComponent(new URL(address).pathname), "/pictures/images/a 狐 #1?+%2F.png");
});
