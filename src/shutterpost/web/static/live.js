// Keeps an open page true. Everything works without this; only nothing changes by itself.
"use strict";

const REFRESH_PAUSE = 400; // milliseconds in which many events make one refresh

const regions = [...document.querySelectorAll("[data-live]")];
const kinds = new Set(regions.flatMap((region) => region.dataset.live.split(" ")));
const sending = document.getElementById("sending");
const said = document.getElementById("said");
const written = new WeakMap(); // the regions' children, each as the server wrote it
let timer = 0;

function refreshSoon() {
  timer ||= setTimeout(refresh, REFRESH_PAUSE);
}

// Asks for this very page again, and takes over what is different in its live regions.
async function refresh() {
  timer = 0;
  let answer;
  try {
    answer = await fetch(location.href, { headers: { "X-Refresh": "1" } });
  } catch {
    return; // the server is away: the event source connects again, and that refreshes
  }
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const region of regions) {
    const other = fresh.getElementById(region.id);
    if (other) takeOver(region, other);
  }
  const nav = document.querySelector(".top nav");
  const freshNav = fresh.querySelector(".top nav");
  if (freshNav && nav.innerHTML !== freshNav.innerHTML) nav.replaceChildren(...freshNav.childNodes);
}

// Children are known by their ids: what did not change keeps its focus and what is open.
function takeOver(region, fresh) {
  const old = new Map([...region.children].map((child) => [child.id, child]));
  const wanted = [...fresh.children].map((child) => {
    const known = old.get(child.id);
    if (known && written.get(known) === child.outerHTML) return known;
    written.set(child, child.outerHTML);
    if (!known && child.classList.contains("card")) announce(child);
    return child;
  });
  wanted.forEach((child, place) => {
    if (region.children[place] !== child) region.insertBefore(child, region.children[place] ?? null);
  });
  while (region.children.length > wanted.length) region.lastElementChild.remove();
}

function announce(card) {
  card.classList.add("new");
  const name = card.querySelector("img")?.alt ?? card.querySelector(".video")?.textContent ?? "";
  said.textContent = `A photo arrived: ${name.trim()}`;
}

function size(bytes) {
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function showUpload(upload) {
  if (!sending) return;
  let line = document.getElementById(`upload-${upload.upload}`);
  if (!line) {
    line = document.createElement("div");
    line.className = "upload";
    line.id = `upload-${upload.upload}`;
    line.append(document.createElement("span"), document.createElement("progress"));
    sending.append(line);
  }
  const [words, bar] = line.children;
  const total = upload.total ? ` of ${size(upload.total)}` : "";
  words.textContent = `${upload.camera} is sending ${upload.name}: ${size(upload.bytes)}${total}`;
  bar.setAttribute("aria-label", `${upload.name} from ${upload.camera}`);
  if (upload.total) {
    bar.max = upload.total;
    bar.value = upload.bytes;
  }
}

for (const region of regions) {
  for (const child of region.children) written.set(child, child.outerHTML);
}
const events = new EventSource("/events");
events.addEventListener("open", refreshSoon); // what happened before was missed
for (const kind of ["shipment", "device"]) {
  events.addEventListener(kind, () => kinds.has(kind) && refreshSoon());
}
events.addEventListener("sending", (event) => showUpload(JSON.parse(event.data)));
events.addEventListener("sent", (event) => {
  document.getElementById(`upload-${JSON.parse(event.data).upload}`)?.remove();
});
