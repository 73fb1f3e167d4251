"""The gateway's side of OpenSSH: its sshd, who may log in, whose session is whose."""
