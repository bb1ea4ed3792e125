--- Shapes, slices and indices.
local inputs = require "samples.inputs"
local uniform, whole = inputs.uniform, inputs.whole
local index, indices = inputs.index, inputs.indices

return {
  reshape = {
    dtypes = "numeric",
    cases = {
      { uniform { 2, 6 }, with = { shape = { 3, 4 } } },
      { uniform { 2, 6 }, with = { shape = { -1 } } },
      { uniform { 2, 6 }, with = { shape = { 2, -1, 3 } } },
      { uniform { 1, 1 }, with = { shape = {} } },
      { uniform {}, with = { shape = { 1, 1, 1 } } },
      { uniform { 0, 4 }, with = { shape = { 2, 0 } } },
      { uniform { 0, 4 }, with = { shape = { -1, 4 } } },
      { whole({ 6 }, 0, 9), with = { shape = { 2, 3 } } },
    },
    bad = {
      {
        uniform { 2, 3 }, with = { shape = { 4 } },
        says = 'reshape "reshape": cannot reshape (2, 3) to (4,)',
      },
      {
        uniform { 2, 3 }, with = { shape = { -1, 4 } },
        says = 'reshape "reshape": cannot reshape (2, 3) to (?, 4)',
      },
      {
        uniform { 2, 3 }, with = { shape = { -1, -1 } },
        says = 'reshape "reshape": more than one -1 in the shape',
      },
      {
        uniform { 0, 3 }, with = { shape = { -1, 0 } },
        says = 'reshape "reshape": -1 is ambiguous: zero elements',
      },
    },
  },
  shape = {
    dtypes = "numeric",
    result = "int64",
    cases = {
      { uniform { 2, 3 } },
      { uniform {} },
      { uniform { 0, 4, 1 } },
    },
  },
  expand_dims = {
    dtypes = "numeric",
    cases = {
      { uniform { 2, 3 }, with = { axis = 0 } },
      { uniform { 2, 3 }, with = { axis = 1 } },
      { uniform { 2, 3 }, with = { axis = -1 } },
      { uniform {}, with = { axis = 0 } },
      { uniform { 0, 3 }, with = { axis = 2 } },
    },
    bad = {
      {
        uniform { 2, 3 }, with = { axis = 3 },
        says = 'expand_dims "expand_dims": axis 3 is out of range for rank 3',
      },
      {
        uniform { 1, 1, 1, 1, 1, 1, 1, 1 }, with = { axis = 0 },
        says = 'expand_dims "expand_dims": rank 9 is more than 8',
      },
    },
  },
  squeeze = {
    dtypes = "numeric",
    cases = {
      { uniform { 1, 3, 1 } },
      { uniform { 1, 3, 1 }, with = { axis = 0 } },
      { uniform { 1, 3, 1 }, with = { axis = { -1, 0 } } },
      { uniform { 2, 3 } },
      { uniform { 1, 0 } },
    },
    bad = {
      {
        uniform { 2, 1 }, with = { axis = 0 },
        says = 'squeeze "squeeze": axis 0 of (2, 1) is not 1',
      },
    },
  },
  broadcast_to = {
    dtypes = "numeric",
    cases = {
      { uniform { 3 }, with = { shape = { 2, 3 } } },
      { uniform { 2, 1 }, with = { shape = { 2, 3 } } },
      { uniform {}, with = { shape = { 2, 2 } } },
      { uniform { 1, 3 }, with = { shape = { 0, 3 } } },
      { uniform { 2, 1, 3 }, with = { shape = { 2, 4, 3 } } },
      { uniform { 2, 3 }, with = { shape = { 2, 3 } } },
    },
    bad = {
      {
        uniform { 3 }, with = { shape = { 2, 4 } },
        says = 'broadcast_to "broadcast_to": (3,) does not broadcast to (2, 4)',
      },
      {
        uniform { 2, 3 }, with = { shape = { 3 } },
        says = 'broadcast_to "broadcast_to": (2, 3) does not broadcast to (3,)',
      },
    },
  },
  concat = {
    dtypes = "numeric",
    sequence = true,
    cases = {
      { uniform { 2, 3 }, uniform { 2, 1 }, with = { axis = 1 } },
      { uniform { 2, 3 }, uniform { 1, 3 }, uniform { 3, 3 }, with = { axis = 0 } },
      { uniform { 2, 3 }, uniform { 2, 3 }, with = { axis = -1 } },
      { uniform { 2, 3 }, with = { axis = 0 } },
      { uniform { 2, 0 }, uniform { 2, 3 }, with = { axis = 1 } },
      { uniform { 0, 2 }, uniform { 0, 3 }, with = { axis = 1 } },
      { uniform { 2, 3, 4 }, uniform { 2, 1, 4 }, with = { axis = 1 } },
      { whole({ 3 }, 0, 9), whole({ 2 }, 0, 9), with = { axis = 0 } },
    },
    bad = {
      {
        uniform { 2, 3 }, uniform { 3, 3 }, with = { axis = 1 },
        says = 'concat "concat": shapes differ beside axis 1: (2, 3) and (3, 3)',
      },
      {
        uniform { 2, 3 }, uniform { 3 }, with = { axis = 0 },
        says = 'concat "concat": shapes differ in rank: (2, 3) and (3,)',
      },
      {
        uniform { 2, 3 }, uniform { 2, 3 }, with = { axis = 2 },
        says = 'concat "concat": axis 2 is out of range for rank 2',
      },
    },
  },
  slice = {
    dtypes = "numeric",
    cases = {
      { uniform { 4, 5 }, with = { begin = { 1, 2 }, size = { 2, 3 } } },
      { uniform { 4, 5 }, with = { begin = { 0, 1 }, size = { -1, 2 } } },
      { uniform { 4, 5 }, with = { begin = { 4, 0 }, size = { 0, 5 } } },
      { uniform { 6 }, with = { begin = { 2 }, size = { -1 } } },
      { uniform { 2, 3, 4 }, with = { begin = { 1, 0, 1 }, size = { 1, 3, 2 } } },
      { uniform { 0, 3 }, with = { begin = { 0, 1 }, size = { 0, 2 } } },
    },
    bad = {
      {
        uniform { 4, 5 }, with = { begin = { 3, 0 }, size = { 2, 5 } },
        says = 'slice "slice": begin[0] = 3 with size 2 does not fit dimension 4',
      },
      {
        uniform { 4, 5 }, with = { begin = { -1, 0 }, size = { 2, 5 } },
        says = 'slice "slice": begin[0] = -1 with size 2 does not fit dimension 4',
      },
      {
        uniform { 4, 5 }, with = { begin = { 0 }, size = { 2 } },
        says = 'slice "slice": begin has 1 entry, for rank 2',
      },
    },
  },
  strided_slice = {
    dtypes = "numeric",
    cases = {
      { uniform { 4, 5 }, with = { begin = { 1, 2 }, stop = { 4, 5 }, strides = { 2, 1 } } },
      { uniform { 4, 5 }, with = { begin = { false, 4 }, stop = { false, 1 },
        strides = { -1, -2 } } },
      { uniform { 4, 5 }, with = { begin = { -3 }, stop = { -1 }, strides = { 1 } } },
      { uniform { 7 }, with = { begin = { -100 }, stop = { 100 }, strides = { 3 } } },
      { uniform { 7 }, with = { begin = { 100 }, stop = { -100 }, strides = { -3 } } },
      { uniform { 7 }, with = { begin = { 5 }, stop = { 2 }, strides = { 1 } } },
      { uniform { 7 }, with = { begin = { 2 }, stop = { false }, strides = { 100 } } },
      { uniform { 2, 3, 4 }, with = { begin = { false, -1, 1 }, stop = { 1, false, -1 },
        strides = { 1, -2, 2 } } },
      { uniform { 2, 3 }, with = { begin = {}, stop = {}, strides = {} } },
      { uniform {}, with = { begin = {}, stop = {}, strides = {} } },
      { uniform { 0, 3 }, with = { begin = { 1, 1 }, stop = { false, false },
        strides = { -1, 1 } } },
      { uniform { 3, 2 }, with = { begin = { 3 }, stop = { math.mininteger },
        strides = { math.mininteger } } },
      { uniform { 3, 2 }, with = { begin = { math.maxinteger }, stop = { math.mininteger },
        strides = { -1 } } },
      { whole({ 6 }, 0, 9), with = { begin = { 5 }, stop = { 0 }, strides = { -2 } } },
    },
    bad = {
      {
        uniform { 4, 5 }, with = { begin = { 0, 0, 0 }, stop = { 1, 1, 1 }, strides = { 1, 1, 1 } },
        says = 'strided_slice "strided_slice": strides has 3 entries, for rank 2',
      },
      {
        uniform { 4, 5 }, with = { begin = { 0, 0 }, stop = { 1 }, strides = { 1 } },
        says = 'strided_slice "strided_slice": begin has 2 entries, strides has 1',
      },
      {
        uniform { 4, 5 }, with = { begin = { 0 }, stop = { 1, 1 }, strides = { 1 } },
        says = 'strided_slice "strided_slice": stop has 2 entries, strides has 1',
      },
      {
        uniform { 4, 5 }, with = { begin = { 0, 0 }, stop = { 1, 1 }, strides = { 1, 0 } },
        says = 'strided_slice "strided_slice": strides[1] is 0',
      },
    },
  },
  pad = {
    dtypes = "numeric",
    cases = {
      { uniform { 2, 3 }, with = { paddings = { { 1, 0 }, { 2, 1 } } } },
      { uniform { 2, 3 }, with = { paddings = { { 1, 2 }, { 0, 0 } }, constant_value = -1.5 } },
      { uniform { 3, 4 }, with = { paddings = { { 2, 1 }, { 3, 0 } }, mode = "reflect" } },
      { uniform { 3, 4 }, with = { paddings = { { 3, 2 }, { 0, 4 } }, mode = "symmetric" } },
      { uniform { 3, 4 }, with = { paddings = { { 5, 0 }, { 2, 6 } }, mode = "edge" } },
      { uniform { 2, 3, 4 }, with = { paddings = { { 1, 1 }, { 2, 1 }, { 0, 0 } },
        mode = "reflect" } },
      { uniform { 2, 3, 4 }, with = { paddings = { { 0, 0 }, { 1, 2 }, { 1, 1 } },
        mode = "symmetric" } },
      { uniform { 2, 3, 2 }, with = { paddings = { { 1, 2 }, { 3, 0 }, { 0, 0 } },
        mode = "edge" } },
      { uniform { 1 }, with = { paddings = { { 0, 0 } }, mode = "reflect" } },
      { uniform {}, with = { paddings = {} } },
      { uniform { 0, 2 }, with = { paddings = { { 1, 1 }, { 1, 0 } }, constant_value = 3 } },
      { uniform { 0, 2 }, with = { paddings = { { 0, 0 }, { 1, 1 } }, mode = "symmetric" } },
      { uniform { 2, 0 }, with = { paddings = { { 1, 0 }, { 0, 0 } }, mode = "edge" } },
      { uniform { 70, 3 }, with = { paddings = { { 60, 61 }, { 1, 1 } }, mode = "reflect" } },
      { whole({ 4 }, 0, 9), with = { paddings = { { 2, 2 } }, constant_value = 7 } },
      { whole({ 4 }, 0, 9), with = { paddings = { { 3, 3 } }, mode = "reflect" } },
    },
    bad = {
      {
        uniform { 2, 3 }, with = { paddings = { { 1, 1 } } },
        says = 'pad "pad": paddings has 1 entry, for rank 2',
      },
      {
        uniform { 2, 3 }, with = { paddings = { { 0, 0 }, { 0, -1 } } },
        says = 'pad "pad": paddings[1] = (0, -1) is negative',
      },
      {
        uniform { 2, 3 }, with = { paddings = { { 2, 0 }, { 0, 0 } }, mode = "reflect" },
        says = 'pad "pad": paddings[0] = (2, 0) is more than mode "reflect" has in dimension 2',
      },
      {
        uniform { 2, 3 }, with = { paddings = { { 0, 0 }, { 0, 4 } }, mode = "symmetric" },
        says = 'pad "pad": paddings[1] = (0, 4) is more than mode "symmetric" has in dimension 3',
      },
      {
        uniform { 0 }, with = { paddings = { { 1, 0 } }, mode = "edge" },
        says = 'pad "pad": paddings[0] = (1, 0) is more than mode "edge" has in dimension 0',
      },
      {
        uniform { 2 }, with = { paddings = { { 1, 0 } }, mode = "wrap" },
        says = 'pad "pad": attribute "mode": "constant", "reflect", "symmetric" or "edge" '
          .. 'expected, got "wrap"',
      },
      {
        uniform { 2 }, with = { paddings = { { 1, 0 } }, constant_value = 1e300 },
        says = 'pad "pad": constant_value = 1e+300 is not a float32',
      },
    },
  },
  roll = {
    dtypes = "numeric",
    cases = {
      { uniform { 5 }, with = { shift = 2, axis = 0 } },
      { uniform { 5 }, with = { shift = -1, axis = -1 } },
      { uniform { 3, 4 }, with = { shift = { 1, -2 }, axis = { 0, 1 } } },
      { uniform { 3, 4 }, with = { shift = { 5, 6, -10 }, axis = { 1, 0, -1 } } },
      { uniform { 2, 3, 4 }, with = { shift = 1, axis = 1 } },
      { uniform { 2, 3 }, with = { shift = {}, axis = {} } },
      { uniform { 0, 3 }, with = { shift = { 1, 1 }, axis = { 0, 1 } } },
      { uniform { 7 }, with = { shift = math.mininteger, axis = 0 } },
      { uniform { 7 }, with = { shift = math.maxinteger, axis = 0 } },
      { whole({ 4, 2 }, 0, 9), with = { shift = { 3, 1 }, axis = { 0, 1 } } },
    },
    bad = {
      {
        uniform { 2, 3 }, with = { shift = { 1, 2 }, axis = 0 },
        says = 'roll "roll": shift has 2 entries, axis has 1',
      },
      {
        uniform { 2, 3 }, with = { shift = 1, axis = 2 },
        says = 'roll "roll": axis 2 is out of range for rank 2',
      },
    },
  },
  gather = {
    dtypes = "numeric",
    cases = {
      { uniform { 5, 3 }, index({ 4 }, { 0, 4, 2, 4 }) },
      { uniform { 5, 3 }, indices({ 2, 3 }, 5) },
      { uniform { 5, 3 }, index({}, { 3 }) },
      { uniform { 2, 5, 3 }, indices({ 4 }, 5), with = { axis = 1 } },
      { uniform { 5, 3 }, indices({ 2 }, 3), with = { axis = -1 } },
      { uniform { 2, 5, 3 }, indices({ 2, 4 }, 5), with = { axis = 1, batch_dims = 1 } },
      { uniform { 5, 3 }, index({ 0 }, {}) },
      { uniform { 5, 0 }, indices({ 3 }, 5) },
      { whole({ 5 }, 0, 9), indices({ 7 }, 5) },
    },
    bad = {
      {
        uniform { 5, 3 }, index({ 1 }, { 0 }), with = { axis = 2 },
        says = 'gather "gather": axis 2 is out of range for rank 2',
      },
      {
        uniform { 2, 5 }, index({ 3, 1 }, { 0, 0, 0 }), with = { axis = 1, batch_dims = 1 },
        says = 'gather "gather": batch dimensions differ: (2, 5) and (3, 1)',
      },
    },
  },
  one_hot = {
    result = "float32",
    cases = {
      { index({ 3 }, { 0, 2, 1 }), with = { depth = 3 } },
      { index({ 4 }, { 0, -1, 3, 9 }), with = { depth = 4 } },
      { indices({ 2, 2 }, 3), with = { depth = 3, axis = 0 } },
      { indices({ 2, 2 }, 3), with = { depth = 3, axis = 1, on_value = 5, off_value = -1 } },
      { index({}, { 1 }), with = { depth = 2 } },
      { index({ 0 }, {}), with = { depth = 2 } },
      { indices({ 3 }, 2), with = { depth = 0 } },
    },
    bad = {
      {
        index({ 2 }, { 0, 1 }), with = { depth = -2 },
        says = 'one_hot "one_hot": depth is -2, not 0 or more',
      },
      {
        index({ 2 }, { 0, 1 }), with = { depth = 2, axis = 2 },
        says = 'one_hot "one_hot": axis 2 is out of range for rank 2',
      },
    },
  },
}
