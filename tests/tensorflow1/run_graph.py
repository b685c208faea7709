"""Runs a frozen graph in TensorFlow 1; works in Python 3.6 and belongs to no package.

run_graph.py GRAPH.pb CROPS.npy OUT.npy: grey crops (N x side x side uint8) in, probabilities
(N x 8 float32) out; the versions that were used as a line of JSON on standard output.
"""

import json
import platform
import sys

import numpy as np
import tensorflow as tf


def main(graph_path: str, crops_path: str, out_path: str) -> None:
    version = tf.__version__
    old = tf.compat.v1 if version.startswith("1.15") else tf
    with open(graph_path, "rb") as stream:  # noqa: PTH123 - as plain as can be
        definition = old.GraphDef.FromString(stream.read())
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
    crops = np.load(crops_path)
    with old.Session(graph=graph) as session:
        answers = [
            session.run("probs:0", {"image:0": crop[None, ..., None].astype(np.float32)})[0]
            for crop in crops
        ]
    np.save(out_path, np.asarray(answers, np.float32))
    print(json.dumps({"tensorflow": version, "python": platform.python_version()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
