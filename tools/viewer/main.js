// Brings the viewers of a page to life, each when it is first seen. Without this script a page
// shows their pictures.
import { openFile } from "./gltf_subject.js";
import { faceSubject } from "./face_subject.js";
import { Panel } from "./panel.js";
import { Stage } from "./stage.js";

async function bringToLife(figure) {
  const spec = JSON.parse(figure.dataset.face);
  const note = figure.querySelector(".viewer-note");
  let stage;
  try {
    stage = new Stage(figure.querySelector(".viewer-stage"), spec.label);
  } catch {
    note.textContent = "To turn it, a browser with WebGL is needed.";
    return;
  }
  const home = await faceSubject(spec);
  const panel = new Panel(figure.querySelector(".viewer-panel"), stage);
  const show = (subject) => {
    stage.show(subject);
    panel.show(subject);
  };
  const open = async (file) => {
    try {
      show(await openFile(file));
      note.textContent = file.name;
    } catch (error) {
      note.textContent = `${file.name} cannot be shown: ${error.message}`;
    }
  };
  panel.onHome = () => {
    show(home);
    note.textContent = "";
  };
  panel.onFile = open;
  acceptDrops(figure, open);
  show(home);
  figure.classList.add("live");
  stage.onLost = () => figure.classList.remove("live");
  stage.onRestored = () => figure.classList.add("live");
}

function acceptDrops(figure, open) {
  figure.addEventListener("dragover", (event) => {
    if (event.dataTransfer.types.includes("Files")) event.preventDefault();
  });
  figure.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) open(event.dataTransfer.files[0]);
  });
}

// A browser grants a page about sixteen WebGL contexts: nobody gets one before being looked at.
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      bringToLife(target);
    }
  },
  { rootMargin: "200px" },
);
for (const figure of document.querySelectorAll("figure.viewer")) watcher.observe(figure);
