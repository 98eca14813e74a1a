package egress

import (
	"errors"
	"sync"
	"time"
)

// net/http dials for every request that finds no idle connection, and goes on though the request gets another one that has become idle
// meanwhile: a burst to one host would make many more connections than it needs. So dials to a host begin in turn.
const (
	dialsAtOnce = 8 // to a host
	// dialPatience is how long a dial waits for its turn; then it begins all the same. Where dials hang they are no worse off than that.
	dialPatience = 50 * time.Millisecond
)

// errNotNeeded ends a dial whose request has got a connection, or has ended, before its turn. No request sees it.
var errNotNeeded = errors.New("the connection is not needed any more")

// pacer lets dials begin.
type pacer struct {
	patience time.Duration

	mu    sync.Mutex
	hosts map[string]*turns // those with dials
}

func newPacer(patience time.Duration) *pacer {
	return &pacer{patience: patience, hosts: make(map[string]*turns)}
}

// turns are a host's.
type turns struct {
	taken chan struct{}
	dials int // that have one or wait; pacer.mu guards it
}

// await waits for the turn of a dial that the call needs, and returns what is to be called when it is done.
func (p *pacer) await(c *call, host string) (done func(), err error) {
	t := p.enter(host)
	leave := func() { p.leave(host, t) }
	done = func() { <-t.taken; leave() }
	select {
	case t.taken <- struct{}{}:
		return done, nil
	default:
	}
	patience := time.NewTimer(p.patience)
	defer patience.Stop()
	select {
	case t.taken <- struct{}{}:
		return done, nil
	case <-patience.C:
		return leave, nil
	case <-c.whenServed():
		leave()
		return nil, errNotNeeded
	}
}

func (p *pacer) enter(host string) *turns {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.hosts[host]
	if t == nil {
		t = &turns{taken: make(chan struct{}, dialsAtOnce)}
		p.hosts[host] = t
	}
	t.dials++
	return t
}

func (p *pacer) leave(host string, t *turns) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t.dials--; t.dials == 0 {
		delete(p.hosts, host)
	}
}
