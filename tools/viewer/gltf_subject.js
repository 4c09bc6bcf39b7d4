// A glTF file that somebody opens in the page: shown as three.js loads it, its own morph targets.
import { MeshNormalMaterial } from "three";
import { GLTFLoader } from "three/examples/jsm/loaders/GLTFLoader.js";

const MOST = 256 * 2 ** 20; // bytes

export async function openFile(file) {
  if (file.size > MOST) throw new Error("it is larger than 256 MB");
  const data = await file.arrayBuffer();
  const { scene } = await new GLTFLoader().parseAsync(data, "");
  const meshes = [];
  scene.traverse((node) => node.isMesh && meshes.push(node));
  if (!meshes.length) throw new Error("it holds no mesh");
  const names = [...new Set(meshes.flatMap((mesh) => Object.keys(mesh.morphTargetDictionary ?? {})))];
  const own = new Map(meshes.map((mesh) => [mesh, mesh.material]));
  const normals = new MeshNormalMaterial();
  const sliders = names.map((name, target) => ({ name, plus: target, low: 0 }));
  return {
    object: scene,
    groups: sliders.length ? [{ name: "morph targets", sliders, choices: [] }] : [],
    home: false,
    modes: ["Smooth", "Normals"],
    legend: () => "",
    setMode(name) {
      for (const mesh of meshes) mesh.material = name === "Normals" ? normals : own.get(mesh);
    },
    setWeights(values) {
      for (const mesh of meshes) {
        names.forEach((name, target) => {
          const place = mesh.morphTargetDictionary?.[name];
          if (place !== undefined) mesh.morphTargetInfluences[place] = values[target];
        });
      }
    },
    targets: names.length,
  };
}
