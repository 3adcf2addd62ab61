"""The Python gguf package as an independent reader and writer of GGUF files; run by python_oracle_test.cpp.

gguf_oracle.py describe FILE   prints each metadata value and each tensor of FILE, one a line
gguf_oracle.py write FILE      writes the file that the test expects
"""

import hashlib
import sys

import gguf
import numpy as np


def describe(path):
    reader = gguf.GGUFReader(path)
    for name in sorted(reader.fields):
        if name.startswith("GGUF."):
            continue
        field = reader.fields[name]
        kind = field.types[0].name
        value = field.contents()
        if kind == "ARRAY":
            kind = f"ARRAY[{field.types[1].name}]"
            value = "|".join(str(v) for v in value)
        print(name, kind, value)
    for tensor in reader.tensors:
        digest = hashlib.sha256(tensor.data.tobytes()).hexdigest()
        print("tensor", tensor.name, tensor.tensor_type.name, [int(n) for n in tensor.shape], digest)


def write(path):
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_custom_alignment(64)
    writer.add_int8("test.i8", -8)
    writer.add_uint32("test.u32", 4_000_000_000)
    writer.add_int64("test.i64", -(1 << 40))
    writer.add_float64("test.f64", 0.1)
    writer.add_bool("test.flag", False)
    writer.add_string("test.text", "줄\nbreak")
    writer.add_array("test.words", ["하나", "two", ""])
    writer.add_array("test.floats", [0.5, -2.0])
    writer.add_tensor("ramp", np.arange(15, dtype=np.float32).reshape(3, 5) * np.float32(0.5))
    writer.add_tensor("half", np.ones(7, dtype=np.float16))
    packed = gguf.quants.quantize(np.linspace(-1, 1, 128, dtype=np.float32).reshape(2, 64), gguf.GGMLQuantizationType.Q8_0)
    writer.add_tensor("packed", packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    {"describe": describe, "write": write}[sys.argv[1]](sys.argv[2])
