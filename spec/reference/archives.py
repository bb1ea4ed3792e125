"""Writes spec/reference/archives.lua: files as NumPy itself writes them.

    python3 spec/reference/archives.py > spec/reference/archives.lua
"""
import io
import zipfile

import numpy


def text(data):
    rows = [data[i:i + 40].hex() for i in range(0, len(data), 40)]
    return '"' + '" ..\n    "'.join(rows) + '"'


def savez(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    # The same bytes whenever it is run: no dates.
    out = io.BytesIO()
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w") as archive:
        for entry in source.infolist():
            info = zipfile.ZipInfo(entry.filename)
            info.compress_type = entry.compress_type
            with archive.open(info, "w", force_zip64=True) as member:
                member.write(source.read(entry))
    return out.getvalue()


arrays = {
    "matrix": numpy.asfortranarray(numpy.array([[1, 2, 3], [4, 5, 6]], numpy.float32)),
    "large": numpy.array([2**53 + 1, -(2**63), 2**63 - 1], ">i8"),
    "flags": numpy.array([True, False]),
    "scalar": numpy.float64(0.5),
}
print("-- As NumPy", numpy.__version__, "wrote them, in hexadecimal: made by archives.py.")
print("return {")
print("  stored =", text(savez(numpy.savez, **arrays)) + ",")
print("  compressed =", text(savez(numpy.savez_compressed, scalar=arrays["scalar"])) + ",")
print("}")
