;; Refused: shared memory.
(module (memory (export "memory") 1 1 shared) (func (export "ramp_abi_v1") (result i32) (i32.const 0)))
