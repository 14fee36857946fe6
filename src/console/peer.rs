//! The name of the user at the other end of the socket.

/// Of the local accounts; a directory in the network is not asked, for it may be what is down. `None`: no such account.
pub fn user(uid: u32) -> Option<String> {
    name(&std::fs::read_to_string("/etc/passwd").ok()?, uid)
}

/// passwd(5): `name:password:uid:…`
fn name(accounts: &str, uid: u32) -> Option<String> {
    let mut lines = accounts.lines().map(|line| line.split(':'));
    lines.find_map(|mut fields| {
        let (name, number) = (fields.next()?, fields.nth(1)?);
        (!name.is_empty() && number.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_named_by_the_first_account_of_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/bash\n\nann:x:1000:1000:Ann,,,:/home/ann:/bin/sh\nalias:x:1000:1::/:\n";
        assert_eq!(name(accounts, 1000).as_deref(), Some("ann"));
        assert_eq!(name(accounts, 1), None, "the group's number is not looked at");
        assert_eq!(name("", 0), None);
        assert_eq!(user(0).as_deref(), Some("root"));
    }
}
