// The page of `paramcalc serve`: Python answers over HTTP. The playground has another file of this name.
import { start } from "./app.js";

async function asked(path, body) {
  const reply = await fetch(path, body === undefined ? {} : { method: "POST", body });
  if (!reply.ok) throw Error((await reply.text()) || reply.statusText);
  return reply.json();
}

start({
  lane: name => ({
    answer: (text, settings) => asked(`answer?lane=${name}`, JSON.stringify({ text, settings })),
    bring: (file, data) => asked(`bring?lane=${name}&name=${encodeURIComponent(file)}`, data),
    stop: () => asked(`stop?lane=${name}`, ""),
  }),
  files: () => asked("files"),
  open: async name => (await asked(`file?name=${encodeURIComponent(name)}`)).text,
});
