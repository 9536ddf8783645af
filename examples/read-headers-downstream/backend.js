// A backend that needs no keys and no user table: the gateway says who is calling.
// Listen where only the gateway can reach it; whoever else can connect can write these headers.
const http = require("http");

const notes = { acme: ["call the printer"], globex: ["sell the moon"] };

const server = http.createServer((request, response) => {
    const tenant = request.headers["x-tenant-id"];
    const body = JSON.stringify({
        language: "node",
        path: request.url,
        tenant,
        plan: request.headers["x-plan"],
        permissions: (request.headers["x-permissions"] || "").split(","),
        notes: notes[tenant] || [],
    }) + "\n";
    response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
    response.end(body);
});

server.listen(Number(process.argv[2] || 0), "127.0.0.1", () => {
    console.log(`listening on 127.0.0.1:${server.address().port}`);
});
