// A shop's web site. Each page that is served is a view; the page itself tells of clicks.
//
//     node site.js BOOTSTRAP [PORT]
const http = require("http");
const { Kafka, Partitioners, logLevel } = require("kafkajs");

const PAGES = {
  "/teapot": { title: "A teapot of cast iron", links: ["buy", "teapot-in-red"] },
  "/kettle": { title: "An electric kettle", links: ["buy"] },
  "/cup": { title: "A cup for tea, of iron-red clay", links: ["buy"] },
};

const [bootstrap, port = "0"] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "site", brokers: bootstrap.split(","), logLevel: logLevel.ERROR });
const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });

// All that one visitor does has one key, and so keeps its order.
function tell(kind, visitor, page, more) {
  const value = JSON.stringify({ kind, visitor, page, ...more });
  return producer.send({ topic: "activity", messages: [{ key: visitor, value }] });
}

function html(page) {
  const links = page.links.map((link) => `<a href="#${link}">${link}</a>`).join(" ");
  return `<!doctype html><title>${page.title}</title><h1>${page.title}</h1>${links}
<script>
  addEventListener("click", ({ target }) => target.matches("a") && navigator.sendBeacon(
    "/clicks", JSON.stringify({ page: location.pathname, link: target.textContent })));
</script>`;
}

function visitorOf(request) {
  return /visitor=(\w+)/.exec(request.headers.cookie || "")?.[1] || Math.random().toString(36).slice(2);
}

async function bodyOf(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return JSON.parse(text);
}

async function answer(request, response) {
  const visitor = visitorOf(request);
  const page = PAGES[request.url];
  if (request.method === "POST" && request.url === "/clicks") {
    const { page, link } = await bodyOf(request);
    await tell("click", visitor, page, { link });
    response.writeHead(204).end();
  } else if (page) {
    await tell("view", visitor, request.url, { title: page.title });
    response.writeHead(200, { "Content-Type": "text/html", "Set-Cookie": `visitor=${visitor}` }).end(html(page));
  } else {
    response.writeHead(404).end();
  }
}

async function main() {
  await producer.connect();
  const server = http.createServer((request, response) => answer(request, response).catch((error) => {
    console.error(error.message);
    response.writeHead(500).end();
  }));
  server.listen(Number(port), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
}

main();
