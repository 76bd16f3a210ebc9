// Python in a worker: the same `answer` as behind `paramcalc serve`. A run that takes long ends with its worker.
import { loadPyodide } from "./pyodide.mjs";

const MODULES = "/home/pyodide/modules";
const SETUP = `
import sys
sys.path.insert(0, "${MODULES}")
import json
from paramcalc.engine import library
from paramcalc.serve.answer import answer, bring

def answered(text, settings):
    return json.dumps(answer(text, json.loads(settings)))

def brought(name, data):
    return json.dumps(bring(name, data.to_bytes()))

def listed():
    return json.dumps([path.name for path in library.bundled_files()])

def opened(name):
    path = {path.name: path for path in library.bundled_files()}[name]
    return json.dumps({"text": path.read_text("utf-8")})
`;

async function begin() {
  const code = fetch("paramcalc.zip").then(reply => reply.ok ? reply.arrayBuffer() : Promise.reject(Error(reply.statusText)));
  const python = await loadPyodide({ indexURL: new URL(".", import.meta.url).href });
  python.unpackArchive(await code, "zip", { extractDir: MODULES });
  python.runPython(SETUP);
  return python.globals;
}

const ready = begin();
onmessage = async ({ data: { id, call, given } }) => {
  try {
    const python = await ready;
    postMessage({ id, reply: JSON.parse(python.get(call)(...given)) });
  } catch (error) {
    postMessage({ id, failed: String(error.message ?? error).trim().split("\n").at(-1) });
  }
};
