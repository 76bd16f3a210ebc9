// The page of the playground: Python answers in workers. `paramcalc serve` has another file of this name.
const WELCOME = "lenet5-1998.yaml";

// Python in a worker of its own, begun when it is needed.
class Lane {
  constructor() { this.open = new Map(); this.count = 0; }
  ask(call, ...given) {
    this.worker ||= this.begun();
    return new Promise((done, failed) => {
      const id = this.count++;
      this.open.set(id, { done, failed });
      this.worker.postMessage({ id, call, given });
    });
  }
  begun() {
    const worker = new Worker("worker.js", { type: "module" });
    worker.onmessage = ({ data: { id, reply, failed } }) => {
      const asked = this.open.get(id);
      this.open.delete(id);
      if (failed === undefined) asked?.done(reply); else asked?.failed(Error(failed));
    };
    worker.onerror = event => { for (const asked of this.open.values()) asked.failed(Error(event.message || "Python did not start")); };
    return worker;
  }
  answer(text, settings) { return this.ask("answered", text, JSON.stringify(settings)); }
  bring(name, data) { return this.ask("brought", name, new Uint8Array(data)); }
  stop() {
    this.worker?.terminate();
    this.worker = null;
    for (const asked of this.open.values()) asked.done({ stopped: true });
    this.open.clear();
  }
}

const lanes = { quick: new Lane(), slow: new Lane() };
const listed = lanes.quick.ask("listed"); // Python starts while the editor is loaded
const { start } = await import("./app.js");
start({
  lane: name => lanes[name],
  files: async () => ({ files: await listed, open: WELCOME }),
  open: async name => (await lanes.quick.ask("opened", name)).text,
});
