//! Packet rules: tables of nftables (nft(8)), IPv4, each replaced as a whole in one transaction.

use std::io;

use ipnet::Ipv4Net;
use netlink_packet_core::{DefaultNla, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_REQUEST};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    nftables::{
        Bitwise, ChainAttribute, ChainMessage, Cmp, DataAttribute, ExpressionAttribute,
        Expressions, Hook, Immediate, InetHookNumber, ListAttribute, Meta, MetaKey,
        NfTablesMessage, Operator, Payload, Register, RuleAttribute, RuleMessage, TableAttribute,
        TableMessage, Verdict as Code, VerdictAttribute,
    },
    none::ControlMessage,
};
use nix::libc::ENOENT;

use super::{Socket, unless};
use crate::sys::{At as _, Result, SysError};

/// The name of `struct iphdr`'s place in a packet: the network header (`enum nft_payload_bases`).
const NETWORK_HEADER: u32 = 1;
/// Where the source address is in `struct iphdr`.
const SOURCE_ADDRESS: u32 = 12;
/// The bytes of a link's name, zero-padded (`IFNAMSIZ`).
const NAME_SIZE: usize = 16;
/// The subsystem a batch is for (`NFNL_SUBSYS_NFTABLES`).
const NFTABLES: u16 = 10;
/// The bits "established" and "related" of a connection's state (`NF_CT_STATE_BIT`).
const ESTABLISHED_OR_RELATED: u32 = 1 << 1 | 1 << 2;
/// The kind of the one entry in a table's user data that nft(8) shows as its comment (`NFTNL_UDATA_TABLE_COMMENT`).
const COMMENT: u8 = 0;

/// Where a chain of rules is called from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChainKind {
    /// For packets that come in by one link and leave by another.
    Forward,
    /// For packets about to leave, where source addresses are rewritten.
    SourceNat,
}

/// What a rule asks of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Condition<'a> {
    /// Its source address is in this subnet.
    From(Ipv4Net),
    /// It came in by another link than this.
    NotEnteringBy(&'a str),
    /// It leaves by this link.
    LeavingBy(&'a str),
    /// It leaves by another link than this.
    NotLeavingBy(&'a str),
    /// It belongs to a connection that has been let through.
    Established,
}

/// What a rule does with a packet that meets all its conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Lets it pass this chain.
    Accept,
    /// Throws it away.
    Drop,
    /// Gives it the address of the link it leaves by, and its answers the way back.
    Masquerade,
}

/// A table to be put in place of the one of its name.
#[derive(Debug)]
pub struct Table {
    name: String,
    requests: Vec<(NfTablesMessage, u16)>,
}

impl Table {
    /// Begins a table without chains; the comment, at most 250 bytes, can be read back to see which rules it holds.
    pub fn new(name: &str, comment: &str) -> Self {
        let named = |mut more: Vec<TableAttribute>| {
            more.insert(0, TableAttribute::Name(name.to_owned()));
            TableMessage { attributes: more }
        };
        let requests = vec![
            // Making it first lets the removal succeed whether it was there or not.
            (NfTablesMessage::NewTable(named(vec![])), NLM_F_CREATE),
            (NfTablesMessage::DeleteTable(named(vec![])), 0),
            (
                NfTablesMessage::NewTable(named(vec![TableAttribute::UserData(user_data(
                    comment,
                ))])),
                NLM_F_CREATE,
            ),
        ];
        Self { name: name.to_owned(), requests }
    }

    /// Adds a chain that lets pass what no rule of it drops.
    #[must_use]
    pub fn chain(mut self, name: &str, kind: ChainKind) -> Self {
        let (word, hook, priority) = match kind {
            ChainKind::Forward => ("filter", InetHookNumber::Forward, 0),
            ChainKind::SourceNat => ("nat", InetHookNumber::PostRouting, 100),
        };
        let attributes = vec![
            ChainAttribute::Table(self.name.clone()),
            ChainAttribute::Name(name.to_owned()),
            ChainAttribute::Hook(vec![Hook::Number(hook.into()), Hook::Priority(priority)]),
            ChainAttribute::Type(word.to_owned()),
        ];
        self.requests.push((NfTablesMessage::NewChain(ChainMessage { attributes }), NLM_F_CREATE));
        self
    }

    /// Adds a rule behind the others of a chain.
    #[must_use]
    pub fn rule(mut self, chain: &str, conditions: &[Condition<'_>], verdict: Verdict) -> Self {
        let expressions = conditions
            .iter()
            .flat_map(Condition::expressions)
            .chain([verdict.expression()])
            .map(ListAttribute::<ExpressionAttribute>::from)
            .collect();
        let attributes = vec![
            RuleAttribute::Table(self.name.clone()),
            RuleAttribute::Chain(chain.to_owned()),
            RuleAttribute::Expressions(expressions),
        ];
        self.requests.push((
            NfTablesMessage::NewRule(RuleMessage { attributes }),
            NLM_F_CREATE | NLM_F_APPEND,
        ));
        self
    }
}

impl Socket {
    /// Puts a table in place of the one of its name, all of it or nothing. For a socket of [`Socket::netfilter`].
    ///
    /// # Errors
    /// What the kernel says, with the table's name.
    pub fn replace_table(&mut self, table: Table) -> Result<()> {
        self.commit(table.requests).at("write the packet rules of table", table.name)
    }

    /// Removes a table with all its rules; gives `false` when there is none of that name.
    ///
    /// # Errors
    /// What the kernel says, with the table's name.
    pub fn delete_table(&mut self, name: &str) -> Result<bool> {
        let request = (NfTablesMessage::DeleteTable(table_named(name)), 0);
        unless(ENOENT, self.commit(vec![request])).at("remove the packet rules of table", name)
    }

    /// Reads the comment of a table: `None` when there is no such table, empty when it has none.
    ///
    /// # Errors
    /// What the kernel says, with the table's name.
    pub fn table_comment(&mut self, name: &str) -> Result<Option<String>> {
        let message = netfilter(NfTablesMessage::GetTable(table_named(name)));
        match self.get(message) {
            Ok(reply) => Ok(reply.map(|reply| comment_of(&reply.inner))),
            Err(error) if error.raw_os_error() == Some(ENOENT) => Ok(None),
            Err(error) => Err(SysError::new("read the packet rules of table", name, error)),
        }
    }

    /// Sends requests as one transaction: an error of any of them undoes all.
    fn commit(&mut self, requests: Vec<(NfTablesMessage, u16)>) -> io::Result<()> {
        self.buffer.clear();
        let first = self.append(edge(ControlMessage::BatchBegin), NLM_F_REQUEST);
        let mut last = first;
        let count = requests.len();
        for (position, (request, flags)) in requests.into_iter().enumerate() {
            // One acknowledgement, of the last, says that all went well.
            let ack = if position + 1 == count { NLM_F_ACK } else { 0 };
            last = self.append(netfilter(request), NLM_F_REQUEST | flags | ack);
        }
        self.append(edge(ControlMessage::BatchEnd), NLM_F_REQUEST);
        self.flush()?;
        self.replies(first..=last, |_: NetfilterMessage| {})?;
        Ok(())
    }
}

impl Condition<'_> {
    fn expressions(&self) -> Vec<Expressions> {
        match *self {
            Self::From(subnet) => vec![
                Expressions::Payload(vec![
                    Payload::DestinationRegister(Register::Reg1),
                    Payload::Base(NETWORK_HEADER),
                    Payload::Offset(SOURCE_ADDRESS),
                    Payload::Len(4),
                ]),
                mask(subnet.netmask().octets()),
                compare(Operator::Equal, subnet.network().octets().to_vec()),
            ],
            Self::NotEnteringBy(link) => by_name(MetaKey::Iifname, Operator::NotEqual, link),
            Self::LeavingBy(link) => by_name(MetaKey::Oifname, Operator::Equal, link),
            Self::NotLeavingBy(link) => by_name(MetaKey::Oifname, Operator::NotEqual, link),
            Self::Established => vec![
                connection_state(),
                mask(ESTABLISHED_OR_RELATED.to_ne_bytes()),
                compare(Operator::NotEqual, vec![0; 4]),
            ],
        }
    }
}

impl Verdict {
    fn expression(self) -> Expressions {
        let code = match self {
            Self::Drop => 0,
            Self::Accept => 1,
            Self::Masquerade => {
                return Expressions::Other {
                    expression_type: "masq".to_owned(),
                    attributes: vec![],
                };
            }
        };
        Expressions::Immediate(vec![
            Immediate::DestinationRegister(Register::Verdict),
            Immediate::Data(DataAttribute::Verdict(vec![VerdictAttribute::Code(Code::Other(
                code,
            ))])),
        ])
    }
}

fn by_name(key: MetaKey, operator: Operator, link: &str) -> Vec<Expressions> {
    let mut name = link.as_bytes().to_vec();
    name.resize(NAME_SIZE, 0);
    let load = Expressions::Meta(vec![Meta::DestinationRegister(Register::Reg1), Meta::Key(key)]);
    vec![load, compare(operator, name)]
}

/// Loads the state of the connection (`NFTA_CT_DREG` = register 1, `NFTA_CT_KEY` = state).
fn connection_state() -> Expressions {
    Expressions::Other {
        expression_type: "ct".to_owned(),
        attributes: vec![
            DefaultNla::new(1, u32::from(Register::Reg1).to_be_bytes().to_vec()),
            DefaultNla::new(2, vec![0; 4]),
        ],
    }
}

fn mask(bits: [u8; 4]) -> Expressions {
    Expressions::Bitwise(vec![
        Bitwise::SourceRegister(Register::Reg1),
        Bitwise::DestinationRegister(Register::Reg1),
        Bitwise::Length(4),
        Bitwise::Mask(DataAttribute::Value(bits.to_vec())),
        Bitwise::Xor(DataAttribute::Value(vec![0; 4])),
    ])
}

fn compare(operator: Operator, value: Vec<u8>) -> Expressions {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(operator),
        Cmp::Data(DataAttribute::Value(value)),
    ])
}

fn netfilter(message: NfTablesMessage) -> NetfilterMessage {
    NetfilterMessage::new(NetfilterHeader::new(NetfilterProtoFamily::IPv4, 0, 0), message)
}

fn edge(message: ControlMessage) -> NetfilterMessage {
    NetfilterMessage::new(NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFTABLES), message)
}

fn table_named(name: &str) -> TableMessage {
    TableMessage { attributes: vec![TableAttribute::Name(name.to_owned())] }
}

/// Writes a comment as nft(8) does: kind, length, text, zero.
fn user_data(comment: &str) -> Vec<u8> {
    let text: Vec<u8> = comment.bytes().take(250).chain([0]).collect();
    let mut bytes = vec![COMMENT, u8::try_from(text.len()).unwrap_or(u8::MAX)];
    bytes.extend(text);
    bytes
}

fn comment_of(message: &NetfilterMessageInner) -> String {
    let NetfilterMessageInner::NfTables(NfTablesMessage::NewTable(table)) = message else {
        return String::new();
    };
    let data = table.attributes.iter().find_map(|attribute| match attribute {
        TableAttribute::UserData(bytes) => Some(bytes.as_slice()),
        _ => None,
    });
    match data {
        Some([COMMENT, _, text @ .., 0]) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_read_as_it_was_written() {
        for comment in ["", "estiba 10.210.0.0/24", &"x".repeat(250)] {
            let attributes = vec![TableAttribute::UserData(user_data(comment))];
            let message = NfTablesMessage::NewTable(TableMessage { attributes }).into();
            assert_eq!(comment_of(&message), comment);
        }
    }

    #[test]
    fn foreign_user_data_is_no_comment() {
        for bytes in [&[][..], &[7, 1, 0], &[COMMENT], &[COMMENT, 3, b'a']] {
            let attributes = vec![TableAttribute::UserData(bytes.to_vec())];
            let message = NfTablesMessage::NewTable(TableMessage { attributes }).into();
            assert_eq!(comment_of(&message), "");
        }
    }
}
