;; Refused: relaxed SIMD.
(module (memory (export "memory") 1) (func (export "ramp_abi_v1") (result i32) (i32.const 0))
  (func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))
