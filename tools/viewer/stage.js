// A canvas, a camera and light around one subject; draws when something has changed, and only then.
import {
  AmbientLight,
  Box3,
  DirectionalLight,
  HemisphereLight,
  PerspectiveCamera,
  Scene,
  Spherical,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";

const TURN = Math.PI / 24; // of an arrow key

export class Stage {
  constructor(frame, label) {
    this.frame = frame;
    this.renderer = new WebGLRenderer({ antialias: true, alpha: true });
    this.canvas = this.renderer.domElement;
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", `${label}: drag or use the arrow keys to turn it`);
    frame.append(this.canvas);
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(24, 1, 0.1, 1000);
    this.scene.add(this.camera);
    this.scene.add(new AmbientLight(0xffffff, 0.35), new HemisphereLight(0xffffff, 0x8a7f75, 0.9));
    const key = new DirectionalLight(0xffffff, 2.1);
    key.position.set(0.5, 0.7, 1); // of the camera: what is looked at is lit
    key.target = this.camera;
    this.camera.add(key);
    this.controls = new OrbitControls(this.camera, this.canvas);
    this.controls.enableDamping = false;
    this.controls.addEventListener("change", () => this.draw());
    // A finger that moves up or down scrolls the page; the wheel does, until the canvas is touched.
    this.canvas.style.touchAction = "pan-y";
    this.controls.enableZoom = false;
    this.canvas.addEventListener("pointerdown", () => (this.controls.enableZoom = true));
    this.canvas.addEventListener("pointerleave", () => (this.controls.enableZoom = false));
    this.canvas.addEventListener("keydown", (event) => this.turn(event));
    this.canvas.addEventListener("webglcontextlost", () => this.onLost?.());
    this.canvas.addEventListener("webglcontextrestored", () => (this.onRestored?.(), this.draw()));
    new ResizeObserver(() => this.resize()).observe(frame);
  }

  show(subject) {
    if (this.subject) this.scene.remove(this.subject.object);
    this.subject = subject;
    this.scene.add(subject.object);
    this.lookFrom(0, 0);
    this.resize();
  }

  // Degrees: yaw to the subject's left, pitch upwards.
  lookFrom(yaw, pitch) {
    const box = new Box3().setFromObject(this.subject.object);
    const centre = box.getCenter(new Vector3());
    const size = box.getSize(new Vector3());
    const half = Math.tan((this.camera.fov * Math.PI) / 360);
    const aspect = this.frame.clientWidth / Math.max(this.frame.clientHeight, 1);
    const distance = (0.54 * Math.max(size.y, size.x / aspect)) / half + size.z / 2;
    const at = new Spherical(distance, ((90 - pitch) * Math.PI) / 180, (yaw * Math.PI) / 180);
    this.camera.near = distance / 100;
    this.camera.far = distance * 10;
    this.camera.updateProjectionMatrix();
    this.controls.target.copy(centre);
    this.camera.position.setFromSpherical(at).add(centre);
    this.controls.minDistance = distance / 6;
    this.controls.maxDistance = distance * 4;
    this.controls.update();
    this.draw();
  }

  turn(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const offset = this.camera.position.clone().sub(this.controls.target);
    const at = new Spherical().setFromVector3(offset);
    at.theta += step[0] * TURN;
    at.phi += step[1] * TURN;
    this.camera.position.setFromSpherical(at.makeSafe()).add(this.controls.target);
    this.controls.update();
    this.draw();
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.frame;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.draw();
  }

  draw() {
    this.waiting ??= requestAnimationFrame(() => {
      this.waiting = undefined;
      this.renderer.render(this.scene, this.camera);
    });
  }
}
