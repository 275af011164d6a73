;; SPDX-License-Identifier: Apache-2.0
;; store_kv.wat -- store_kv.ts by hand, for machines without Node. Messages up to 4080 bytes, straight from the inbox.
(module
  (import "ramp_v1" "conn_send" (func $conn_send (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "kv_set"
    (func $kv_set (param i32 i32 i32 i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  ;; descriptor at 64: size 32, inbox at 0x1000, of 0x1000 bytes
  (data (i32.const 64) "\20\00\00\00\00\10\00\00\00\10\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 128) "last")
  (func (export "on_message") (param $conn i32) (param $n i32) (param $flags i32)
    (drop (call $kv_set (i32.const 0) (i32.const 128) (i32.const 4)
      (i32.const 0x1010) (local.get $n) (i64.const 0)))
    (drop (call $conn_send (local.get $conn) (i32.const 0x1010) (local.get $n)
      (i32.and (local.get $flags) (i32.const 1)))))
  (func (export "ramp_abi_v1") (result i32) (i32.const 64)))
