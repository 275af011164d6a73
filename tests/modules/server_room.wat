;; SPDX-License-Identifier: Apache-2.0
;; A room that does what the first byte of a message says:
;;   s send it back   c close the sender with 4000   t a timer in 50 ms that broadcasts "tick"
;;   g log it         ! trap                         l loop for ever      else: broadcast it
;; A join broadcasts "joined", a leave "left"; a request is answered with its body's record.
(module
  (import "ramp_v1" "room_broadcast" (func $broadcast (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "conn_send" (func $send (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "conn_close" (func $close (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "timer_set" (func $timer (param i32 i64 i64) (result i32)))
  (import "ramp_v1" "http_respond" (func $respond (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "log" (func $log (param i32 i32 i32)))
  (memory (export "memory") 33)
  ;; descriptor: size 32, inbox at 1024, 1 MiB, no flags
  (data (i32.const 16) "\20\00\00\00\00\04\00\00\00\00\10\00\00\00\00\00")
  (data (i32.const 64) "joined" "left" "tick" "x-made-by: wat\n")
  (func (export "ramp_abi_v1") (result i32) (i32.const 16))
  (func $say (param i32 i32 i32)
    (drop (call $broadcast (local.get 0) (local.get 1) (local.get 2) (i32.const 0) (i32.const 0))))
  (func (export "on_join") (param i32) (call $say (i32.const 64) (i32.const 6) (i32.const 0)))
  (func (export "on_leave") (param i32 i32) (call $say (i32.const 70) (i32.const 4) (i32.const 0)))
  (func (export "on_timer") (param i32) (call $say (i32.const 74) (i32.const 4) (i32.const 0)))
  (func (export "on_request") (param i32 i32)
    (drop (call $respond (i32.const 201) (i32.const 78) (i32.const 15) (i32.const 1040) (local.get 0))))
  (func (export "on_message") (param $conn i32) (param $n i32) (param $flags i32)
    (local $first i32)
    (local.set $first (i32.load8_u (i32.const 1040)))
    (if (i32.eq (local.get $first) (i32.const 0x21)) (then (unreachable)))
    (if (i32.eq (local.get $first) (i32.const 0x6c)) (then (loop $forever (br $forever))))
    (if (i32.eq (local.get $first) (i32.const 0x73))
      (then
        (drop (call $send (local.get $conn) (i32.const 1040) (local.get $n)
                          (i32.and (local.get $flags) (i32.const 1))))
        (return)))
    (if (i32.eq (local.get $first) (i32.const 0x63))
      (then
        (drop (call $close (local.get $conn) (i32.const 4000) (i32.const 1040) (local.get $n)))
        (return)))
    (if (i32.eq (local.get $first) (i32.const 0x74))
      (then (drop (call $timer (i32.const 1) (i64.const 50) (i64.const 0))) (return)))
    (if (i32.eq (local.get $first) (i32.const 0x67))
      (then (call $log (i32.const 2) (i32.const 1040) (local.get $n)) (return)))
    (call $say (i32.const 1040) (local.get $n) (i32.and (local.get $flags) (i32.const 1)))))
