;; Reads and writes kv, db, alarm and state as it is told, and waits: for tests/sim/gate.c. Programs are as in
;; interp.wat, whose numbers the operations have; `await` and those after it are its own. It cannot be the same
;; module: one that imports `wait` never takes the path that cannot suspend.
;;
;;   0x0000  12: call kind, 16: the handler's arguments; 64: the descriptor
;;   0x0100  the cell: what on_save saves and on_open finds again, 8 bytes
;;   0x0200  names, 8 bytes apart: k0 to k7; 0x0240 a0 to a7; 0x0280 b0 to b7
;;   0x1000  programs by call kind, 256 bytes each: u32 length, bytes
;;   0x2000  inbox, 16 KiB
;;   0x6000  results, 1,024 i64
;;   0x10000 free
(module
  (import "ramp_v1" "room_broadcast" (func $room_broadcast (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "kv_set" (func $kv_set (param i32 i32 i32 i32 i32 i64) (result i32)))
  (import "ramp_v1" "kv_del" (func $kv_del (param i32 i32 i32) (result i32)))
  (import "ramp_v1" "kv_sync" (func $kv_sync (result i32)))
  (import "ramp_v1" "db_set" (func $db_set (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "db_del" (func $db_del (param i32 i32) (result i32)))
  (import "ramp_v1" "timer_set" (func $timer_set (param i32 i64 i64) (result i32)))
  (import "ramp_v1" "alarm_set" (func $alarm_set (param i64) (result i32)))
  (import "ramp_v1" "http_respond" (func $http_respond (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "state_save" (func $state_save (param i32 i32) (result i32)))
  (import "ramp_v1" "event_read" (func $event_read (param i32 i32 i32) (result i32)))
  (import "ramp_v1" "time_ms" (func $time_ms (result i64)))
  (import "ramp_v1" "panic" (func $panic (param i32 i32)))
  (import "ramp_v1" "kv_get" (func $kv_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "db_get" (func $db_get (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "db_list" (func $db_list (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "wait" (func $wait (param i32 i32) (result i32)))

  (memory (export "memory") 3)
  (data (i32.const 64) "\20\00\00\00\00\20\00\00\00\40\00\00\01\00\00\00stor\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 0x200) "k0\00\00\00\00\00\00k1\00\00\00\00\00\00k2\00\00\00\00\00\00k3\00\00\00\00\00\00k4\00\00\00\00\00\00k5\00\00\00\00\00\00k6\00\00\00\00\00\00k7")
  (data (i32.const 0x240) "a0\00\00\00\00\00\00a1\00\00\00\00\00\00a2\00\00\00\00\00\00a3\00\00\00\00\00\00a4\00\00\00\00\00\00a5\00\00\00\00\00\00a6\00\00\00\00\00\00a7")
  (data (i32.const 0x280) "b0\00\00\00\00\00\00b1\00\00\00\00\00\00b2\00\00\00\00\00\00b3\00\00\00\00\00\00b4\00\00\00\00\00\00b5\00\00\00\00\00\00b6\00\00\00\00\00\00b7")

  (global $pc (mut i32) (i32.const 0))
  (global $args (mut i32) (i32.const 0))
  (global $count (mut i32) (i32.const 0)) ;; results

  (func $l (param $k i32) (result i64)
    (i64.load (i32.add (global.get $args) (i32.shl (local.get $k) (i32.const 3)))))
  (func $i (param $k i32) (result i32) (i32.wrap_i64 (call $l (local.get $k))))
  (func $result (param $k i32) (result i32) ;; its address
    (i32.add (i32.const 0x6000) (i32.shl (local.get $k) (i32.const 3))))
  (func $keep64 (param $value i64)
    (i64.store (call $result (global.get $count)) (local.get $value))
    (global.set $count (i32.and (i32.add (global.get $count) (i32.const 1)) (i32.const 1023))))
  (func $keep (param $value i32) (call $keep64 (i64.extend_i32_s (local.get $value))))

  ;; ---- operations ------------------------------------------------------------------------------
  (func $nothing)
  (func $op_kv_set (call $keep (call $kv_set (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)) (call $l (i32.const 5)))))
  (func $op_kv_del (call $keep (call $kv_del (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $op_kv_sync (call $keep (call $kv_sync)))
  (func $op_db_set (call $keep (call $db_set (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $op_db_del (call $keep (call $db_del (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $op_timer_set (call $keep (call $timer_set (call $i (i32.const 0)) (call $l (i32.const 1)) (call $l (i32.const 2)))))
  (func $op_alarm_set (call $keep (call $alarm_set (call $l (i32.const 0)))))
  (func $op_state_save (call $keep (call $state_save (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $op_time_ms (call $keep64 (call $time_ms)))
  (func $op_panic (call $panic (call $i (i32.const 0)) (call $i (i32.const 1))))
  (func $op_kv_get (call $keep (call $kv_get (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)))))
  (func $op_db_get (call $keep (call $db_get (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $op_db_list (call $keep (call $db_list (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)) (call $i (i32.const 5)) (call $i (i32.const 6)))))
  (func $op_trap unreachable)
  (func $op_install (local $slot i32) ;; call kind, size; the program follows
    (local.set $slot (i32.add (i32.const 0x1000) (i32.shl (call $i (i32.const 0)) (i32.const 8))))
    (i32.store (local.get $slot) (call $i (i32.const 1)))
    (memory.copy (i32.add (local.get $slot) (i32.const 4)) (global.get $pc) (call $i (i32.const 1)))
    (global.set $pc (i32.add (global.get $pc) (call $i (i32.const 1)))))
  (func $op_load64 (call $keep64 (i64.load (call $i (i32.const 0)))))
  (func $op_store64 (i64.store (call $i (i32.const 0)) (call $l (i32.const 1))))
  (func $op_tell ;; broadcasts the results
    (drop (call $room_broadcast (i32.const 0x6000) (i32.shl (global.get $count) (i32.const 3)) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func $op_head ;; broadcasts the call's kind and arguments: four i32
    (drop (call $room_broadcast (i32.const 12) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 0))))
  ;; result index, out, cap: if that result is PENDING, what wait() gives takes its place
  (func $op_await (local $at i32)
    (local.set $at (call $result (call $i (i32.const 0))))
    (if (i64.eq (i64.load (local.get $at)) (i64.const -0x80000000))
      (then (i64.store (local.get $at) (i64.extend_i32_s (call $wait (call $i (i32.const 1)) (call $i (i32.const 2))))))))
  (func $op_respond ;; answers the request with the results
    (call $keep (call $http_respond (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0x6000) (i32.shl (global.get $count) (i32.const 3)))))
  (func $op_show (local $size i64) ;; result index, address: broadcasts as many bytes as that result says
    (local.set $size (i64.load (call $result (call $i (i32.const 0)))))
    (if (i64.lt_s (local.get $size) (i64.const 0)) (then (local.set $size (i64.const 0))))
    (drop (call $room_broadcast (call $i (i32.const 1)) (i32.wrap_i64 (local.get $size)) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func $op_wait (call $keep (call $wait (call $i (i32.const 0)) (call $i (i32.const 1)))))

  (type $operation (func))
  (table 64 funcref)
  (elem (i32.const 0) $nothing $nothing $nothing $nothing
    $op_kv_set $op_kv_del $op_kv_sync $op_db_set $op_db_del $op_timer_set $nothing $op_alarm_set $nothing
    $op_state_save $nothing $nothing $nothing $nothing $nothing $nothing $op_time_ms $nothing $nothing $op_panic
    $op_kv_get $op_db_get $op_db_list $nothing $nothing $nothing $nothing $nothing
    $op_trap $nothing $nothing $nothing $nothing $nothing $nothing $op_install $nothing $nothing
    $op_load64 $op_store64 $nothing $nothing $nothing $nothing $op_tell $op_head
    $op_await $op_respond $op_show $op_wait)

  (func $run (param $start i32) (param $size i32) (local $end i32) (local $op i32)
    (global.set $pc (local.get $start))
    (local.set $end (i32.add (local.get $start) (local.get $size)))
    (block $done
      (loop $again
        (br_if $done (i32.ge_u (global.get $pc) (local.get $end)))
        (local.set $op (i32.load8_u (global.get $pc)))
        (global.set $args (i32.add (global.get $pc) (i32.const 2)))
        (global.set $pc (i32.add (global.get $args) (i32.shl (i32.load8_u offset=1 (global.get $pc)) (i32.const 3))))
        (call_indirect (type $operation) (local.get $op))
        (br $again))))

  ;; ---- handlers --------------------------------------------------------------------------------
  ;; Each but message and request says that it was called, and with what.
  (func $begin (param $kind i32) (param $a i32) (param $b i32) (param $c i32)
    (i32.store (i32.const 12) (local.get $kind))
    (i32.store (i32.const 16) (local.get $a))
    (i32.store (i32.const 20) (local.get $b))
    (i32.store (i32.const 24) (local.get $c))
    (global.set $count (i32.const 0)))
  (func $installed (param $kind i32) (param $a i32) (param $b i32) (local $slot i32)
    (call $begin (local.get $kind) (local.get $a) (local.get $b) (i32.const 0))
    (call $op_head)
    (local.set $slot (i32.add (i32.const 0x1000) (i32.shl (local.get $kind) (i32.const 8))))
    (call $run (i32.add (local.get $slot) (i32.const 4)) (i32.load (local.get $slot))))

  ;; ... and what state it was given.
  (func (export "on_open") (param $reason i32) (param $n i32) (param $flags i32)
    (call $begin (i32.const 0) (local.get $reason) (local.get $n) (local.get $flags))
    (call $op_head)
    (drop (call $event_read (i32.const 0) (i32.const 0x100) (i32.const 8)))
    (drop (call $room_broadcast (i32.const 0x100) (i32.const 8) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "on_join") (param $conn i32)
    (call $installed (i32.const 1) (local.get $conn) (i32.const 0)))
  (func (export "on_message") (param $conn i32) (param $n i32) (param $flags i32)
    (call $begin (i32.const 2) (local.get $conn) (local.get $n) (local.get $flags))
    (call $run (i32.const 0x2010) (local.get $n)))
  (func (export "on_leave") (param $conn i32) (param $code i32)
    (call $installed (i32.const 3) (local.get $conn) (local.get $code)))
  (func (export "on_timer") (param $id i32)
    (call $installed (i32.const 4) (local.get $id) (i32.const 0)))
  (func (export "on_alarm")
    (call $installed (i32.const 5) (i32.const 0) (i32.const 0)))
  ;; The body, after three counted parts, is the program.
  (func (export "on_request") (param $n i32) (param $flags i32) (local $at i32) (local $k i32)
    (call $begin (i32.const 6) (local.get $n) (local.get $flags) (i32.const 0))
    (local.set $at (i32.const 0x2010))
    (loop $parts
      (local.set $at (i32.add (local.get $at) (i32.add (i32.const 4) (i32.load (local.get $at)))))
      (local.set $k (i32.add (local.get $k) (i32.const 1)))
      (br_if $parts (i32.lt_u (local.get $k) (i32.const 3))))
    (call $run (local.get $at) (i32.sub (i32.add (i32.const 0x2010) (local.get $n)) (local.get $at))))
  (func (export "on_save")
    (call $installed (i32.const 7) (i32.const 0) (i32.const 0))
    (drop (call $state_save (i32.const 0x100) (i32.const 8))))
  (func (export "on_error") (param $n i32) (param $flags i32)
    (call $installed (i32.const 8) (i32.load (i32.const 0x2010)) (i32.load (i32.const 0x2018))))
  (func (export "on_close")
    (call $installed (i32.const 9) (i32.const 0) (i32.const 0)))
  (func (export "ramp_abi_v1") (result i32) (i32.const 64)))
