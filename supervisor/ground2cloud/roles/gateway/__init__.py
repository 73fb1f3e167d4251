"""The gateway: registry, sshd, router and backchannel of one public machine, wired together.

    backchannel ──▶ desk ──▶ book (the registry, in memory) ──▶ keyring ──▶ authorized_keys, sshd
                     │                    │
                     ▼                    ▼
        sshd's words ─▶ lanes ──▶ routing (maps, HAProxy) ◀── listeners (what the kernel says)

The registry is the truth. Everything else is derived from it and made anew at a start. All of it
runs on one loop; what blocks (database, files of thousands of lines) runs in threads.
"""
