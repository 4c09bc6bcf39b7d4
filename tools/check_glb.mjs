// Run the Khronos validator over GLB files: node tools/check_glb.mjs FILE...
// Once before: npm install --no-save gltf-validator
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { validateBytes } = createRequire(`${process.cwd()}/`)("gltf-validator");
let failed = false;
for (const file of process.argv.slice(2)) {
  const report = await validateBytes(new Uint8Array(readFileSync(file)), { maxIssues: 20 });
  const { numErrors, numWarnings, numInfos, numHints, messages } = report.issues;
  console.log(`${file}: ${numErrors} errors, ${numWarnings} warnings, ${numInfos} infos, ${numHints} hints`);
  for (const { code, message, pointer } of messages) console.log(`  ${code} ${pointer}: ${message}`);
  failed ||= numErrors > 0;
}
process.exit(failed ? 1 : 0);
