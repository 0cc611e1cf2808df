//! The layout of every struct is the one of `abi/layout.def`, to which `scripts/check-c` holds the
//! header as well: one table for both languages.

use std::fmt::Write as _;
use std::mem::offset_of;

use crate::sized::SizedStruct;
use crate::text::{keyfob_pair, keyfob_text};
use crate::{
    backup, bulk, check, create, import, lifecycle, list, log, options, projects, requirement,
    scan, verify,
};

fn rows(out: &mut String, name: &str, size: usize, fields: &[(&str, usize, usize)]) {
    writeln!(out, "STRUCT({name}, {size})").unwrap();
    for (field, at, size) in fields {
        writeln!(out, "FIELD({name}, {field}, {at}, {size})").unwrap();
    }
}

fn sized<T: SizedStruct>(out: &mut String) {
    rows(out, T::WHAT, size_of::<T>(), T::FIELDS);
}

/// The table without what only C can say: its comment, and the types.
fn committed() -> String {
    let rows = include_str!("../../abi/layout.def").lines();
    let rows = rows.filter(|row| row.starts_with("STRUCT") || row.starts_with("FIELD"));
    rows.fold(String::new(), |mut out, row| {
        let mut parts: Vec<_> = row.split(", ").collect();
        if row.starts_with("FIELD") {
            parts.remove(2);
        }
        writeln!(out, "{}", parts.join(", ")).unwrap();
        out
    })
}

#[test]
fn every_struct_has_the_layout_of_the_table_that_c_is_held_to_as_well() {
    let mut made = String::new();
    let text = [
        (
            "data",
            offset_of!(keyfob_text, data),
            size_of::<*const u8>(),
        ),
        ("size", offset_of!(keyfob_text, size), size_of::<usize>()),
    ];
    rows(&mut made, "keyfob_text", size_of::<keyfob_text>(), &text);
    sized::<options::keyfob_policy>(&mut made);
    sized::<options::keyfob_store_options>(&mut made);
    sized::<requirement::keyfob_requirement_spec>(&mut made);
    sized::<requirement::keyfob_request>(&mut made);
    sized::<verify::keyfob_verification>(&mut made);
    let pair = [
        (
            "key",
            offset_of!(keyfob_pair, key),
            size_of::<keyfob_text>(),
        ),
        (
            "value",
            offset_of!(keyfob_pair, value),
            size_of::<keyfob_text>(),
        ),
    ];
    rows(&mut made, "keyfob_pair", size_of::<keyfob_pair>(), &pair);
    sized::<create::keyfob_new_key>(&mut made);
    sized::<lifecycle::keyfob_key_update>(&mut made);
    sized::<lifecycle::keyfob_revoke_options>(&mut made);
    sized::<lifecycle::keyfob_rotate_options>(&mut made);
    sized::<lifecycle::keyfob_rotate_result>(&mut made);
    sized::<list::keyfob_filter>(&mut made);
    sized::<bulk::keyfob_selection>(&mut made);
    sized::<bulk::keyfob_bulk_result>(&mut made);
    sized::<list::keyfob_list_options>(&mut made);
    sized::<projects::keyfob_new_project>(&mut made);
    sized::<projects::keyfob_project_update>(&mut made);
    sized::<log::keyfob_log_query>(&mut made);
    sized::<check::keyfob_verify_log_result>(&mut made);
    sized::<check::keyfob_prune_options>(&mut made);
    sized::<backup::keyfob_backup_result>(&mut made);
    sized::<backup::keyfob_restore_options>(&mut made);
    sized::<import::keyfob_import_defaults>(&mut made);
    sized::<scan::keyfob_scan_result>(&mut made);
    assert_eq!(made, committed());
}
