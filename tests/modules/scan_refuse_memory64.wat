;; Refused: 64-bit memory.
(module (memory (export "memory") i64 1) (func (export "ramp_abi_v1") (result i32) (i32.const 0)))
