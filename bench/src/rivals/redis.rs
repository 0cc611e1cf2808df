//! Redis on loopback: a server of our own for the run, one connection for each thread, one `GET` a
//! verification. Its file is appended to and synchronised at every change, as the others are.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::Outcome;
use crate::rivals::{
    Digest, EVENT_BYTES, Rival, Session, digest as digest_of, judge_record, record,
};

struct Redis {
    server: Child,
    port: u16,
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub(crate) fn open(folder: &Path, digests: &[Digest]) -> Outcome<Box<dyn Rival>> {
    let folder = folder.join("rival.redis");
    std::fs::create_dir(&folder)?;
    // The port is free until the server takes it.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let server = Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(&folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("redis-server does not start here: {error}"))?;
    let redis = Redis { server, port };
    redis.load(digests)?;
    Ok(Box::new(redis))
}

impl Redis {
    fn connect(&self) -> Outcome<Connection> {
        let mut tries = 0;
        let stream = loop {
            match TcpStream::connect(("127.0.0.1", self.port)) {
                Ok(stream) => break stream,
                Err(error) if tries == 100 => return Err(error.into()),
                Err(_) => {
                    tries += 1;
                    std::thread::sleep(Duration::from_millis(50));
                }
            }
        };
        stream.set_nodelay(true)?;
        Ok(Connection {
            to: BufWriter::new(stream.try_clone()?),
            from: BufReader::new(stream),
            answer: Vec::new(),
        })
    }

    fn load(&self, digests: &[Digest]) -> Outcome<()> {
        let mut connection = self.connect()?;
        let record = record(false);
        for some in digests.chunks(1_000) {
            for digest in some {
                connection.say(&[b"SET", digest, &record])?;
            }
            connection.to.flush()?;
            for _ in some {
                connection.hear()?;
            }
        }
        // What is loaded is written to the new file in the background, and waited for.
        for setting in [["appendfsync", "always"], ["appendonly", "yes"]] {
            let [name, value] = setting.map(str::as_bytes);
            connection.ask(&[b"CONFIG", b"SET", name, value])?;
        }
        loop {
            connection.ask(&[b"INFO", b"persistence"])?;
            let info = String::from_utf8_lossy(&connection.answer);
            if info.contains("aof_rewrite_in_progress:0")
                && info.contains("aof_rewrite_scheduled:0")
            {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Rival for Redis {
    fn name(&self) -> &'static str {
        "Redis"
    }

    fn session(&self) -> Outcome<Box<dyn Session + '_>> {
        Ok(Box::new(self.connect()?))
    }
}

/// Commands and answers as lists of byte strings, one after the other.
struct Connection {
    to: BufWriter<TcpStream>,
    from: BufReader<TcpStream>,
    answer: Vec<u8>,
}

impl Connection {
    fn say(&mut self, command: &[&[u8]]) -> Outcome<()> {
        write!(self.to, "*{}\r\n", command.len())?;
        for part in command {
            write!(self.to, "${}\r\n", part.len())?;
            self.to.write_all(part)?;
            self.to.write_all(b"\r\n")?;
        }
        Ok(())
    }

    /// Reads one answer that is no list; whether it is something.
    fn hear(&mut self) -> Outcome<bool> {
        self.answer.clear();
        self.from.read_until(b'\n', &mut self.answer)?;
        let line = String::from_utf8_lossy(&self.answer).trim_end().to_owned();
        match line.split_at_checked(1) {
            Some(("+" | ":", _)) => Ok(true),
            Some(("$", "-1")) => Ok(false),
            Some(("$", length)) => {
                self.answer.resize(length.parse::<usize>()? + 2, 0);
                self.from.read_exact(&mut self.answer)?;
                Ok(true)
            }
            _ => Err(format!("Redis answered {line:?}").into()),
        }
    }

    fn ask(&mut self, command: &[&[u8]]) -> Outcome<bool> {
        self.say(command)?;
        self.to.flush()?;
        self.hear()
    }

    /// Both commands in one transaction: four answers, of which the last is a list of two.
    fn change(&mut self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.say(&[b"MULTI"])?;
        self.say(&[b"SET", key, value])?;
        self.say(&[b"RPUSH", b"events", &[7; EVENT_BYTES]])?;
        self.say(&[b"EXEC"])?;
        self.to.flush()?;
        for _ in 0..3 {
            self.hear()?;
        }
        self.answer.clear();
        self.from.read_until(b'\n', &mut self.answer)?;
        if self.answer != b"*2\r\n" {
            return Err(
                format!("Redis answered {:?}", String::from_utf8_lossy(&self.answer)).into(),
            );
        }
        self.hear()?;
        self.hear()?;
        Ok(())
    }
}

impl Session for Connection {
    fn verify(&mut self, token: &str) -> Outcome<bool> {
        let digest = digest_of(token);
        Ok(self.ask(&[b"GET", &digest])? && judge_record(&self.answer))
    }

    fn create(&mut self, digest: &Digest) -> Outcome<()> {
        self.change(digest, &record(false))
    }

    fn revoke(&mut self, digest: &Digest) -> Outcome<()> {
        self.change(digest, &record(true))
    }
}
