/*
 * keyfob: an embedded store of API keys.
 *
 * Made from ffi/src and ffi/header/prelude.h by scripts/header; do not edit.
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
