;; As little as a module may be: no handler at all.
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "\20\00\00\00\00\10\00\00\00\10\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (func (export "ramp_abi_v1") (result i32) (i32.const 64)))
