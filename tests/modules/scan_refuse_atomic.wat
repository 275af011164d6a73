;; Refused: threads.
(module (memory (export "memory") 1) (func (export "ramp_abi_v1") (result i32) (i32.const 0))
  (func (drop (i32.atomic.load (i32.const 0)))))
