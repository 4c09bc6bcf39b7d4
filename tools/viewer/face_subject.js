// A mesh and the shapes it can take, blended here: any number of them, normals always exact.
import {
  BufferAttribute,
  BufferGeometry,
  DataTexture,
  DoubleSide,
  Mesh,
  MeshNormalMaterial,
  MeshStandardMaterial,
  NearestFilter,
  RepeatWrapping,
  SRGBColorSpace,
} from "three";
import { reader } from "./packed.js";

const CLAY = { color: 0xd9cabb, roughness: 0.72, metalness: 0, side: DoubleSide };
const SQUARES = 24; // of the checker, along each axis

export async function faceSubject(spec) {
  const next = await reader(spec.data);
  const F = next(spec.faces, 3);
  const base = next(spec.vertices, 3);
  const UV = spec.uv ? next(spec.vertices, 2) : null;
  const moves = Array.from({ length: spec.targets }, () => next(spec.vertices, 3));
  const geometry = new BufferGeometry();
  geometry.setIndex(new BufferAttribute(new Uint32Array(F), 1));
  const position = new BufferAttribute(new Float32Array(base.length), 3);
  const color = new BufferAttribute(new Float32Array(base.length), 3);
  geometry.setAttribute("position", position);
  geometry.setAttribute("color", color);
  if (UV) geometry.setAttribute("uv", new BufferAttribute(Float32Array.from(UV, (x) => x / spec.uv), 2));
  const mesh = new Mesh(geometry);
  const materials = makeMaterials(Boolean(UV));
  let mode = "Smooth";
  let weights = new Float32Array(moves.length);

  function blend() {
    const X = position.array;
    for (let k = 0; k < X.length; k++) X[k] = base[k] * spec.step;
    weights.forEach((weight, t) => {
      if (weight === 0) return;
      const move = moves[t];
      const scale = weight * spec.step;
      for (let k = 0; k < X.length; k++) X[k] += scale * move[k];
    });
    position.needsUpdate = true;
    geometry.computeVertexNormals();
    if (mode === "Distance") paint();
  }

  function paint() {
    const X = position.array;
    const C = color.array;
    for (let k = 0; k < X.length; k += 3) {
      const distance = Math.hypot(
        X[k] - base[k] * spec.step,
        X[k + 1] - base[k + 1] * spec.step,
        X[k + 2] - base[k + 2] * spec.step,
      );
      ramp(Math.min(distance / spec.reach, 1), C, k);
    }
    color.needsUpdate = true;
  }

  const subject = {
    object: mesh,
    groups: spec.groups,
    home: true,
    modes: Object.keys(materials),
    legend: (name) => (name === "Distance" ? `Colours: distance from the face at rest, 0 to ${spec.reach} mm.` : ""),
    setMode(name) {
      mode = name;
      mesh.material = materials[name];
      blend();
    },
    setWeights(values) {
      weights = values;
      blend();
    },
    targets: moves.length,
  };
  subject.setMode(mode);
  return subject;
}

function makeMaterials(hasUV) {
  const materials = {
    Smooth: new MeshStandardMaterial(CLAY),
    Flat: new MeshStandardMaterial({ ...CLAY, flatShading: true }),
    Normals: new MeshNormalMaterial({ side: DoubleSide }),
    Distance: new MeshStandardMaterial({ ...CLAY, color: 0xffffff, vertexColors: true }),
  };
  if (hasUV) materials.Checker = new MeshStandardMaterial({ ...CLAY, color: 0xffffff, map: checker() });
  return materials;
}

function checker() {
  const light = [226, 214, 200, 255];
  const dark = [120, 134, 148, 255];
  const map = new DataTexture(new Uint8Array([...light, ...dark, ...dark, ...light]), 2, 2);
  map.colorSpace = SRGBColorSpace;
  map.magFilter = map.minFilter = NearestFilter;
  map.wrapS = map.wrapT = RepeatWrapping;
  map.repeat.set(SQUARES / 2, SQUARES / 2);
  map.needsUpdate = true;
  return map;
}

// Clay where nothing moves, then amber, red, violet.
const STOPS = [
  [0.69, 0.59, 0.5],
  [0.9, 0.45, 0.06],
  [0.62, 0.05, 0.08],
  [0.16, 0.02, 0.28],
];

function ramp(t, C, k) {
  const place = t * (STOPS.length - 1);
  const low = Math.min(Math.floor(place), STOPS.length - 2);
  for (let c = 0; c < 3; c++) C[k + c] = STOPS[low][c] + (place - low) * (STOPS[low + 1][c] - STOPS[low][c]);
}
