// SPDX-License-Identifier: BSD-2-Clause

package main

// mailer starts a sender for each batch, and forgets to close its channel.
type mailer struct{ sent chan int }

type mail struct{ text [512]byte }

func init() {
	register("chanrecv", goroutineLeak, 10, func(*options) *part {
		m := &mailer{make(chan int, 1024)}
		return &part{
			place: m.batch, start: "main.(*mailer).deliver", grows: 1,
			work: m.batch,
		}
	})
}

func (m *mailer) batch() {
	mails := make(chan mail, 4)
	if mark(3) {
		return
	}
	go m.deliver(mails)
	for i := 0; i < 3; i++ {
		mails <- mail{}
	}
}

func (m *mailer) deliver(mails <-chan mail) {
	n := 0
	for range mails {
		n++
	}
	m.sent <- n
}
