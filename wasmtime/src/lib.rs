// SPDX-License-Identifier: Apache-2.0
//! Re-exports Wasmtime's C API so that a static library of this crate contains it.
pub extern crate wasmtime_c_api;
