;; SPDX-License-Identifier: Apache-2.0
;; The smallest module that a server takes: a descriptor and no handler.
(module
  (memory (export "memory") 1)
  ;; size 32, inbox at 1024, 4096 bytes, no flags
  (data (i32.const 16) "\20\00\00\00\00\04\00\00\00\10\00\00\00\00\00\00")
  (func (export "ramp_abi_v1") (result i32) (i32.const 16)))
