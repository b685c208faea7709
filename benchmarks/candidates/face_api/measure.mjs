// face-api.js (@vladmandic's, on WebAssembly) behind the same loop as the candidates in Python: see
// ../measuring.py. Frames and pictures come decoded, as no decoder belongs to it.
//
// usage: measure.mjs NODE_MODULES FRAMES.rgb   frames of 640x480, three bytes a pixel; each line on
//                                              standard input is a turn of so many seconds
//        measure.mjs NODE_MODULES PICTURES     lines on standard input: WIDTH HEIGHT FILE.rgb

import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const WARM_UP = 10;
const INPUT = 416; // the library's default
const WORDS = { happy: "happiness", sad: "sadness", angry: "anger", surprised: "surprise",
  fearful: "fear", disgusted: "disgust", neutral: "neutral" };

const [modules, what] = process.argv.slice(2);
const require = createRequire(path.resolve(modules, "here.js"));
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");
const faceapi = require("@vladmandic/face-api/dist/face-api.node-wasm.js");

const milliseconds = {};
function worked() {
  const used = process.cpuUsage();
  return (used.user + used.system) / 1000;
}
async function stage(name, work) {
  const before = worked();
  const result = await work();
  milliseconds[name] = (milliseconds[name] ?? 0) + worked() - before;
  return result;
}

async function read(bytes, width, height) {
  const image = tf.tensor3d(bytes, [height, width, 3], "int32");
  const options = new faceapi.TinyFaceDetectorOptions({ inputSize: INPUT });
  const found = await stage("detect", () => faceapi.detectAllFaces(image, options).run());
  const reads = [];
  await stage("classify", async () => {
    const faces = await faceapi.extractFaceTensors(image, found);
    for (const [i, face] of faces.entries()) {
      const scores = await faceapi.nets.faceExpressionNet.predictExpressions(face);
      face.dispose();
      const box = found[i].box;
      reads.push({ area: box.width * box.height, emotion: WORDS[scores.asSortedArray()[0].expression] });
    }
  });
  image.dispose();
  return reads;
}

async function film(file) {
  const size = 640 * 480 * 3;
  const frame = Buffer.alloc(size);
  const descriptor = fs.openSync(file, "r");
  const length = fs.fstatSync(descriptor).size / size;
  let next = 0;
  const step = async () => {
    fs.readSync(descriptor, frame, 0, size, (next++ % length) * size);
    return read(frame, 640, 480);
  };
  await step();
  say({ versions, started: Number(process.hrtime.bigint()) / 1e9, start_up_processor: worked() / 1000 });
  for await (const seconds of readline.createInterface({ input: process.stdin })) {
    say(await turn(step, length, Number(seconds)));
  }
}

async function turn(step, length, least) {
  for (let i = 0; i < WARM_UP; i++) await step();
  for (const name in milliseconds) milliseconds[name] = 0;
  const faces = {}, emotions = {};
  const before = worked(), began = performance.now();
  let done = 0;
  while (!done || done % length || performance.now() - began < 1000 * least) {
    const reads = await step();
    faces[reads.length] = (faces[reads.length] ?? 0) + 1;
    for (const { emotion } of reads) emotions[emotion] = (emotions[emotion] ?? 0) + 1;
    done++;
  }
  const status = fs.readFileSync("/proc/self/status", "utf8");
  return { frames: done, milliseconds: worked() - before, stages: { ...milliseconds }, faces, emotions,
    peak_memory_mb: Number(/VmHWM:\s+(\d+)/.exec(status)[1]) / 1024 };
}

async function pictures() {
  const result = {};
  for (const line of fs.readFileSync(0, "utf8").split("\n").filter(Boolean)) {
    const [, width, height, file] = /^(\d+) (\d+) (.*)$/.exec(line);
    const reads = await read(fs.readFileSync(file), Number(width), Number(height));
    reads.sort((a, b) => b.area - a.area);
    result[file] = reads[0]?.emotion ?? null;
  }
  say({ versions, read: result });
}

wasm.setWasmPaths(path.join(modules, "@tensorflow/tfjs-backend-wasm/dist/"));
wasm.setThreadsCount(1);
await tf.setBackend("wasm");
await tf.ready();
const models = path.join(modules, "@vladmandic/face-api/model");
await faceapi.nets.tinyFaceDetector.loadFromDisk(models);
await faceapi.nets.faceExpressionNet.loadFromDisk(models);
const versions = { node: process.version, "@vladmandic/face-api": faceapi.version, tfjs: tf.version.tfjs };
const say = (row) => console.log(JSON.stringify(row));
await (what === "PICTURES" ? pictures() : film(what));
