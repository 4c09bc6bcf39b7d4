// Reads what gan/report/packed.py writes: whole numbers as differences along the rows, zigzag,
// seven bits to a byte, deflated, base64.

async function inflate(text) {
  const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function* tables(bytes) {
  let at = 0;
  let [rows, columns] = yield;
  for (;;) {
    const values = new Int32Array(rows * columns);
    for (let k = 0; k < values.length; k++) {
      let coded = 0;
      let shift = 0;
      let byte;
      do {
        byte = bytes[at++];
        coded |= (byte & 127) << shift;
        shift += 7;
      } while (byte & 128);
      const difference = (coded >>> 1) ^ -(coded & 1);
      values[k] = difference + (k < columns ? 0 : values[k - columns]);
    }
    [rows, columns] = yield values;
  }
}

// Returns a function that takes (rows, columns) and returns the next table as an Int32Array.
export async function reader(text) {
  const next = tables(await inflate(text));
  next.next();
  return (rows, columns) => next.next([rows, columns]).value;
}
