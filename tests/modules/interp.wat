;; Does what it is told: a message's payload, a request's body, or what was installed for a handler is a
;; little program. For tests/unit/core/rig.h, which writes such programs, tests/sim and tests/fuzz/hostcalls.
;;
;;   op u8 | argument count u8 | arguments i64 ...
;;
;; Every operation with a result appends it to the results, from which `tell` makes a broadcast.
;;
;;   0x0000  12: call kind, 16: the handler's arguments; 32: names; 64: the descriptor
;;   0x1000  programs by call kind, 256 bytes each: u32 length, bytes
;;   0x2000  inbox, 16 KiB
;;   0x6000  results, 4,096 i64
;;   0xE000  scratch, to 0xFFFF; a second page is free, too, but for pulled programs and the setup
(module
  (import "ramp_v1" "room_broadcast" (func $room_broadcast (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "conn_send" (func $conn_send (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "conn_close" (func $conn_close (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "kv_set" (func $kv_set (param i32 i32 i32 i32 i32 i64) (result i32)))
  (import "ramp_v1" "kv_del" (func $kv_del (param i32 i32 i32) (result i32)))
  (import "ramp_v1" "kv_sync" (func $kv_sync (result i32)))
  (import "ramp_v1" "db_set" (func $db_set (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "db_del" (func $db_del (param i32 i32) (result i32)))
  (import "ramp_v1" "timer_set" (func $timer_set (param i32 i64 i64) (result i32)))
  (import "ramp_v1" "timer_clear" (func $timer_clear (param i32) (result i32)))
  (import "ramp_v1" "alarm_set" (func $alarm_set (param i64) (result i32)))
  (import "ramp_v1" "http_respond" (func $http_respond (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "state_save" (func $state_save (param i32 i32) (result i32)))
  (import "ramp_v1" "room_info" (func $room_info (param i32 i32 i32) (result i32)))
  (import "ramp_v1" "room_conns" (func $room_conns (param i32 i32) (result i32)))
  (import "ramp_v1" "conn_info" (func $conn_info (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "env_get" (func $env_get (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "event_read" (func $event_read (param i32 i32 i32) (result i32)))
  (import "ramp_v1" "result_read" (func $result_read (param i32 i32 i32) (result i32)))
  (import "ramp_v1" "time_ms" (func $time_ms (result i64)))
  (import "ramp_v1" "random" (func $random (param i32 i32)))
  (import "ramp_v1" "log" (func $log (param i32 i32 i32)))
  (import "ramp_v1" "panic" (func $panic (param i32 i32)))
  (import "ramp_v1" "kv_get" (func $kv_get (param i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "db_get" (func $db_get (param i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "db_list" (func $db_list (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "ramp_v1" "http_fetch" (func $http_fetch (param i32 i32 i32) (result i32)))
  ;; A module that imports `wait` takes another path: "interp+wait" of rig.h is this one with the second of
  ;; these two replaced, which has the same type.
  (import "ramp_v1" "db_del" (func $wait (param i32 i32) (result i32)))

  (memory (export "memory") 2)
  (data (i32.const 32) "setup")
  ;; size, inbox, its capacity, flags (RESUMABLE), sdk_version, host_minor_needed, 0, 0
  (data (i32.const 64) "\20\00\00\00\00\20\00\00\00\40\00\00\01\00\00\00terp\00\00\00\00\00\00\00\00\00\00\00\00")

  (global $pc (mut i32) (i32.const 0))
  (global $args (mut i32) (i32.const 0))
  (global $count (mut i32) (i32.const 0))     ;; results
  (global $times (mut i32) (i32.const 1))     ;; of the next operation
  (global $step (mut i32) (i32.const 0))      ;; added to its first argument each time
  (global $added (mut i32) (i32.const 0))
  (global $payload (mut i32) (i32.const 0))   ;; size

  (func $i (param $k i32) (result i32)
    (i32.add
      (i32.wrap_i64 (i64.load (i32.add (global.get $args) (i32.shl (local.get $k) (i32.const 3)))))
      (select (i32.const 0) (global.get $added) (local.get $k))))
  (func $l (param $k i32) (result i64)
    (i64.load (i32.add (global.get $args) (i32.shl (local.get $k) (i32.const 3)))))
  (func $keep64 (param $value i64)
    (if (i32.lt_u (global.get $count) (i32.const 4096))
      (then
        (i64.store (i32.add (i32.const 0x6000) (i32.shl (global.get $count) (i32.const 3))) (local.get $value))
        (global.set $count (i32.add (global.get $count) (i32.const 1))))))
  (func $keep (param $value i32) (call $keep64 (i64.extend_i32_s (local.get $value))))

  ;; ---- operations ------------------------------------------------------------------------------
  (func $nothing)
  (func $op_room_broadcast (call $keep (call $room_broadcast (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)))))
  (func $op_conn_send (call $keep (call $conn_send (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $op_conn_close (call $keep (call $conn_close (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $op_kv_set (call $keep (call $kv_set (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)) (call $l (i32.const 5)))))
  (func $op_kv_del (call $keep (call $kv_del (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $op_kv_sync (call $keep (call $kv_sync)))
  (func $op_db_set (call $keep (call $db_set (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $op_db_del (call $keep (call $db_del (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $op_timer_set (call $keep (call $timer_set (call $i (i32.const 0)) (call $l (i32.const 1)) (call $l (i32.const 2)))))
  (func $op_timer_clear (call $keep (call $timer_clear (call $i (i32.const 0)))))
  (func $op_alarm_set (call $keep (call $alarm_set (call $l (i32.const 0)))))
  (func $op_http_respond (call $keep (call $http_respond (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)))))
  (func $op_state_save (call $keep (call $state_save (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $op_room_info (call $keep (call $room_info (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $op_room_conns (call $keep (call $room_conns (call $i (i32.const 0)) (call $i (i32.const 1)))))
  (func $op_conn_info (call $keep (call $conn_info (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)) (call $i (i32.const 5)))))
  (func $op_env_get (call $keep (call $env_get (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $op_event_read (call $keep (call $event_read (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $op_result_read (call $keep (call $result_read (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))
  (func $op_time_ms (call $keep64 (call $time_ms)))
  (func $op_random (call $random (call $i (i32.const 0)) (call $i (i32.const 1))))
  (func $op_log (call $log (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2))))
  (func $op_panic (call $panic (call $i (i32.const 0)) (call $i (i32.const 1))))
  (func $op_kv_get (call $keep (call $kv_get (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)))))
  (func $op_db_get (call $keep (call $db_get (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)))))
  (func $op_db_list (call $keep (call $db_list (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)) (call $i (i32.const 3)) (call $i (i32.const 4)) (call $i (i32.const 5)) (call $i (i32.const 6)))))
  (func $op_http_fetch (call $keep (call $http_fetch (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2)))))

  (func $op_wait (call $keep (call $wait (call $i (i32.const 0)) (call $i (i32.const 1)))))

  (func $op_trap unreachable)
  (func $op_loop (loop $for_ever (br $for_ever)))
  (func $op_spin (local $n i64) ;; rounds
    (local.set $n (call $l (i32.const 0)))
    (loop $again
      (local.set $n (i64.sub (local.get $n) (i64.const 1)))
      (br_if $again (i64.gt_s (local.get $n) (i64.const 0)))))
  (func $op_grow (call $keep (memory.grow (call $i (i32.const 0))))) ;; pages
  (func $op_fill ;; address, byte, size
    (memory.fill (call $i (i32.const 0)) (call $i (i32.const 1)) (call $i (i32.const 2))))
  (func $inline (param $size i32) (result i32) ;; the address of bytes that follow the arguments
    (global.get $pc)
    (global.set $pc (i32.add (global.get $pc) (local.get $size))))
  (func $op_poke ;; address, size; bytes follow
    (memory.copy (call $i (i32.const 0)) (call $inline (call $i (i32.const 1))) (call $i (i32.const 1))))
  (func $op_repeat ;; times, step: of the next operation
    (global.set $times (call $i (i32.const 0)))
    (global.set $step (call $i (i32.const 1))))
  (func $op_install (local $slot i32) ;; call kind, size; the program follows
    (local.set $slot (i32.add (i32.const 0x1000) (i32.shl (call $i (i32.const 0)) (i32.const 8))))
    (i32.store (local.get $slot) (call $i (i32.const 1)))
    (memory.copy (i32.add (local.get $slot) (i32.const 4)) (call $inline (call $i (i32.const 1))) (call $i (i32.const 1))))
  (func $op_hash (local $hash i64) (local $at i32) (local $end i32) ;; address, size; FNV-1a
    (local.set $hash (i64.const 0xcbf29ce484222325))
    (local.set $at (call $i (i32.const 0)))
    (local.set $end (i32.add (local.get $at) (call $i (i32.const 1))))
    (block $done
      (loop $again
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $hash
          (i64.mul (i64.xor (local.get $hash) (i64.load8_u (local.get $at))) (i64.const 0x100000001b3)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $again)))
    (call $keep64 (local.get $hash)))
  (func $op_load32 (call $keep (i32.load (call $i (i32.const 0)))))
  (func $op_load64 (call $keep64 (i64.load (call $i (i32.const 0)))))
  (func $op_store64 (i64.store (call $i (i32.const 0)) (call $l (i32.const 1))))
  (func $op_add64 ;; address, amount
    (i64.store (call $i (i32.const 0)) (i64.add (i64.load (call $i (i32.const 0))) (call $l (i32.const 1)))))
  (func $op_size (call $keep (memory.size)))
  (func $op_recurse (call $op_recurse))
  (func $op_payload ;; broadcasts what the call came with
    (call $keep (call $room_broadcast (i32.const 0x2010) (global.get $payload) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func $op_tell ;; broadcasts the results
    (drop (call $room_broadcast (i32.const 0x6000) (i32.shl (global.get $count) (i32.const 3)) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func $op_head ;; broadcasts the call's kind and arguments: four i32
    (drop (call $room_broadcast (i32.const 12) (i32.const 16) (i32.const 1) (i32.const 0) (i32.const 0))))

  (type $operation (func))
  (table 64 funcref)
  (elem (i32.const 0) $nothing
    $op_room_broadcast $op_conn_send $op_conn_close $op_kv_set $op_kv_del $op_kv_sync $op_db_set $op_db_del
    $op_timer_set $op_timer_clear $op_alarm_set $op_http_respond $op_state_save $op_room_info $op_room_conns
    $op_conn_info $op_env_get $op_event_read $op_result_read $op_time_ms $op_random $op_log $op_panic
    $op_kv_get $op_db_get $op_db_list $op_http_fetch $op_wait)
  (elem (i32.const 32)
    $op_trap $op_loop $op_spin $op_grow $op_fill $op_poke $op_repeat $op_install $op_hash $op_load32
    $op_load64 $op_store64 $op_add64 $op_size $op_recurse $op_payload $op_tell $op_head)

  (func $run (param $start i32) (param $size i32) (local $end i32) (local $op i32) (local $times i32)
    (global.set $pc (local.get $start))
    (local.set $end (i32.add (local.get $start) (local.get $size)))
    (block $done
      (loop $again
        (br_if $done (i32.ge_u (global.get $pc) (local.get $end)))
        (local.set $op (i32.load8_u (global.get $pc)))
        (global.set $args (i32.add (global.get $pc) (i32.const 2)))
        (global.set $pc (i32.add (global.get $args) (i32.shl (i32.load8_u offset=1 (global.get $pc)) (i32.const 3))))
        (local.set $times (global.get $times))
        (global.set $times (i32.const 1))
        (global.set $added (i32.const 0))
        (block $enough
          (loop $once_more
            (br_if $enough (i32.eqz (local.get $times)))
            (call_indirect (type $operation) (local.get $op))
            (global.set $added (i32.add (global.get $added) (global.get $step)))
            (local.set $times (i32.sub (local.get $times) (i32.const 1)))
            (br $once_more)))
        ;; `repeat` has set what is meant for the next one
        (if (i32.ne (local.get $op) (i32.const 38)) (then (global.set $step (i32.const 0))))
        (br $again))))

  ;; ---- handlers --------------------------------------------------------------------------------
  (func $begin (param $kind i32) (param $a i32) (param $b i32) (param $c i32) (param $payload i32)
    (local $slot i32)
    (i32.store (i32.const 12) (local.get $kind))
    (i32.store (i32.const 16) (local.get $a))
    (i32.store (i32.const 20) (local.get $b))
    (i32.store (i32.const 24) (local.get $c))
    (global.set $payload (local.get $payload))
    (global.set $count (i32.const 0))
    (global.set $times (i32.const 1))
    (global.set $step (i32.const 0))
    (local.set $slot (i32.add (i32.const 0x1000) (i32.shl (local.get $kind) (i32.const 8))))
    (call $run (i32.add (local.get $slot) (i32.const 4)) (i32.load (local.get $slot))))
  (func $run_payload (param $skip i32) (param $n i32) (param $flags i32)
    (if (i32.and (local.get $flags) (i32.const 2))
      (then
        (local.set $n (call $event_read (local.get $skip) (i32.const 0x10000) (i32.const 0x8000)))
        (call $run (i32.const 0x10000) (local.get $n)))
      (else
        (call $run (i32.add (i32.const 0x2010) (local.get $skip)) (i32.sub (local.get $n) (local.get $skip))))))

  (func $hex (param $at i32) (result i32) (local $c i32)
    (local.set $c (i32.load8_u (local.get $at)))
    (i32.add (i32.and (local.get $c) (i32.const 15)) (i32.mul (i32.shr_u (local.get $c) (i32.const 6)) (i32.const 9))))
  ;; The environment's `setup` is a program in hexadecimal digits, run when an instance opens.
  (func (export "on_open") (param $reason i32) (param $n i32) (param $flags i32) (local $size i32) (local $at i32)
    (call $begin (i32.const 0) (local.get $reason) (local.get $n) (local.get $flags) (local.get $n))
    (local.set $size (call $env_get (i32.const 32) (i32.const 5) (i32.const 0x10000) (i32.const 0x8000)))
    (if (i32.le_s (local.get $size) (i32.const 0)) (then (return)))
    (local.set $size (i32.shr_u (local.get $size) (i32.const 1)))
    (block $done
      (loop $again
        (br_if $done (i32.ge_u (local.get $at) (local.get $size)))
        (i32.store8 (i32.add (i32.const 0x18000) (local.get $at))
          (i32.or
            (i32.shl (call $hex (i32.add (i32.const 0x10000) (i32.shl (local.get $at) (i32.const 1)))) (i32.const 4))
            (call $hex (i32.add (i32.const 0x10001) (i32.shl (local.get $at) (i32.const 1))))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $again)))
    (call $run (i32.const 0x18000) (local.get $size)))
  (func (export "on_join") (param $conn i32)
    (call $begin (i32.const 1) (local.get $conn) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func (export "on_message") (param $conn i32) (param $n i32) (param $flags i32)
    (call $begin (i32.const 2) (local.get $conn) (local.get $n) (local.get $flags) (local.get $n))
    (call $run_payload (i32.const 0) (local.get $n) (local.get $flags)))
  (func (export "on_leave") (param $conn i32) (param $code i32)
    (call $begin (i32.const 3) (local.get $conn) (local.get $code) (i32.const 0) (i32.const 0)))
  (func (export "on_timer") (param $id i32)
    (call $begin (i32.const 4) (local.get $id) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func (export "on_alarm")
    (call $begin (i32.const 5) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  ;; The body, after three counted parts, is the program.
  (func (export "on_request") (param $n i32) (param $flags i32) (local $at i32) (local $k i32)
    (call $begin (i32.const 6) (local.get $n) (local.get $flags) (i32.const 0) (local.get $n))
    (loop $parts
      (drop (call $event_read (local.get $at) (i32.const 0xfff8) (i32.const 4)))
      (local.set $at (i32.add (local.get $at) (i32.add (i32.const 4) (i32.load (i32.const 0xfff8)))))
      (local.set $k (i32.add (local.get $k) (i32.const 1)))
      (br_if $parts (i32.lt_u (local.get $k) (i32.const 3))))
    (call $run_payload (local.get $at) (local.get $n) (local.get $flags)))
  (func (export "on_save")
    (call $begin (i32.const 7) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func (export "on_error") (param $n i32) (param $flags i32)
    (call $begin (i32.const 8) (local.get $n) (local.get $flags) (i32.const 0) (local.get $n)))
  (func (export "on_close")
    (call $begin (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func (export "on_backpressure") (param $conn i32)
    (call $begin (i32.const 10) (local.get $conn) (i32.const 0) (i32.const 0) (i32.const 0)))
  (func (export "ramp_abi_v1") (result i32) (i32.const 64)))
