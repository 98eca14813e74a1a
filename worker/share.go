package worker

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hookline/hookline/internal/stream"
)

// share is what a lane has of its profile's limits, which all workers share. It claims more when it needs more, says again
// and again what it needs, so that others get their part, and gives it back when it has rested for a while.
type share struct {
	limit     int // attempts at once that may begin now
	granted   int // attempts at once, by the last claim
	tokens    int // attempts that may begin, where there is a rate
	claimants int // workers that have a share
	scarce    bool
	settling  bool      // nobody gets more than they had, for a while
	at        time.Time // when it was claimed; zero for not yet
	lapses    int       // how often it may have been others' before it was claimed again
	expires   time.Time // when others may get it, if it is not claimed again; zero for never
	asking    bool      // it is being claimed, or will be when there are tokens again
}

// How shares are claimed.
const (
	// renewScarce is how often a share is claimed again of which others want more: what one gives up another gets.
	renewScarce = 100 * time.Millisecond
	renewEvery  = time.Second
	// restful is how long a lane keeps its share without work: whoever gets an event now and then need not wait for a claim.
	restful = time.Second
	// spare is for how many attempts more a share is claimed than are needed, so that not every one needs a claim.
	spare = 8
	// tokensAhead is for how long tokens are claimed ahead.
	tokensAhead  = 50 * time.Millisecond
	leastWait    = 10 * time.Millisecond // for tokens, so that some come at once
	maxClaims    = 500                   // in a round trip
	shareTimeout = 2 * time.Second
)

// holds reports whether others cannot have got the share meanwhile, because this worker was frozen or Redis away for long.
func (s *share) holds(now time.Time) bool { return s.expires.IsZero() || now.Before(s.expires) }

// errLapsed says that the share within which an attempt has begun may be others' by now.
var errLapsed = errors.New("others may have got the share of the window meanwhile")

// Pass refuses to send a request that has begun within a share which others may have got meanwhile: a worker that wakes up would otherwise
// send beside them what it was about to send when it was frozen. It makes a job the gate of its request.
func (j *job) Pass() error {
	j.dispatcher.mu.Lock()
	defer j.dispatcher.mu.Unlock()
	if s := &j.lane.share; s.lapses != j.lapses || !s.holds(time.Now()) {
		return errLapsed
	}
	return nil
}

// claims reports whether the lane has, or needs, a share that others may want.
func (d *dispatcher) claims(l *lane) bool { return !d.alone || l.rate > 0 }

// askIfShort asks for a larger share if the lane has work that is not within its share. d.mu is held.
func (d *dispatcher) askIfShort(l *lane) {
	most := l.slow.limit(l.window)
	short := l.running >= l.share.limit && l.share.limit < most || l.rate > 0 && l.share.tokens <= 0
	if len(l.queue) == 0 || !short || l.share.asking || !d.claims(l) {
		return
	}
	if (l.share.scarce || l.share.settling) && l.share.limit < most && (l.rate == 0 || l.share.tokens > 0) {
		return // others have the rest, or may have: it is asked for with the next renewal
	}
	d.ask(l)
}

// claimer claims shares of the profiles whose claims are in one partition: it waits for no other's Redis. dispatcher.mu guards it.
type claimer struct {
	asking []*lane       // those whose share is to be claimed
	asked  chan struct{} // has one when there are any
}

func newClaimers(partitions int) []*claimer {
	claimers := make([]*claimer, partitions)
	for i := range claimers {
		claimers[i] = &claimer{asked: make(chan struct{}, 1)}
	}
	return claimers
}

// ask has a lane's share claimed at once. d.mu is held.
func (d *dispatcher) ask(l *lane) {
	l.share.asking = true
	l.claimer.asking = append(l.claimer.asking, l)
	select {
	case l.claimer.asked <- struct{}{}:
	default:
	}
}

// claimAll claims shares until ctx ends, and then gives them back.
func (d *dispatcher) claimAll(ctx context.Context) error {
	claiming := errgroup.Group{}
	for _, c := range d.claimers {
		claiming.Go(func() error { d.claimAsked(ctx, c); return nil })
	}
	ticker := time.NewTicker(renewScarce)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return claiming.Wait()
		case now := <-ticker.C:
			d.renew(now)
		}
	}
}

// claimAsked claims the shares that a claimer is asked for until ctx ends, and then gives back what it has claimed.
func (d *dispatcher) claimAsked(ctx context.Context, c *claimer) {
	for {
		select {
		case <-ctx.Done():
			d.giveBack(context.WithoutCancel(ctx), c)
			return
		case <-c.asked:
			d.mu.Lock()
			lanes := c.asking
			c.asking = nil
			d.mu.Unlock()
			d.claim(ctx, lanes)
		}
	}
}

// renew asks for the shares that are to be claimed again, or to be given back.
func (d *dispatcher) renew(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		age := now.Sub(l.share.at)
		switch {
		case l.share.asking || !d.claims(l):
		case l.rests(now), age >= renewEvery, l.share.scarce && age >= renewScarce/2 && !d.alone:
			d.ask(l)
		}
	}
}

// rests reports whether the lane has had no work for so long that its share is to be given back.
func (l *lane) rests(now time.Time) bool {
	return l.isIdle() && now.Sub(l.moved) >= restful
}

// claim claims the shares of lanes.
func (d *dispatcher) claim(ctx context.Context, lanes []*lane) {
	for len(lanes) > 0 {
		n := min(len(lanes), maxClaims)
		d.claimSome(ctx, lanes[:n])
		lanes = lanes[n:]
	}
}

func (d *dispatcher) claimSome(ctx context.Context, lanes []*lane) {
	claimed := time.Now()
	claims := make([]stream.Claim, len(lanes))
	d.mu.Lock()
	before := make([]int, len(lanes))
	for i, l := range lanes {
		claims[i] = l.claim(claimed)
		if d.alone {
			claims[i].Held = l.window
		}
		l.share.asking = true
		// Until the answer is here, no more begin than are said to run: others may get what is not needed.
		before[i] = l.share.limit
		if !d.alone {
			l.share.limit = min(l.share.limit, l.running)
		}
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	shares := d.share(ctx, claims)
	cancel()
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, l := range lanes {
		l.share.asking = false
		switch err := shares[i].Err; {
		case err == nil:
			d.apply(l, claims[i], shares[i], claimed, now)
		case d.alone || stream.IsRefused(err): // Redis keeps what it had for longer than a renewal takes
			l.share.limit = before[i]
		default: // others may have what is more than it was said to run
			l.share.limit = min(before[i], claims[i].Running)
			l.share.granted = min(l.share.granted, claims[i].Running)
		}
	}
}

// claim is what the lane needs.
func (l *lane) claim(now time.Time) stream.Claim {
	c := stream.Claim{Profile: l.profile, Window: l.window, Running: l.running, Rate: l.rate}
	if l.share.holds(now.Add(shareTimeout)) {
		c.Held = l.share.granted
	}
	if !l.rests(now) {
		c.Want = min(l.running+len(l.queue)+spare, l.slow.limit(l.window))
	}
	if l.rate > 0 && len(l.queue) > 0 {
		ahead := max(int(int64(l.rate)*int64(tokensAhead)/int64(time.Second)), 1)
		c.Tokens = max(min(len(l.queue), ahead)-l.share.tokens, 0)
	}
	return c
}

// apply takes what a claim, made at claimed, has brought. d.mu is held.
func (d *dispatcher) apply(l *lane, c stream.Claim, got stream.Share, claimed, now time.Time) {
	l.share.claimants, l.share.scarce, l.share.settling, l.share.at = got.Claimants, got.Scarce, got.Settling, now
	l.share.tokens += got.Tokens
	if !l.share.holds(now) {
		l.share.lapses++
	}
	if !d.alone {
		l.share.limit, l.share.granted, l.share.expires = got.Limit, got.Limit, claimed.Add(stream.ShareTTL)
	}
	if c.Want == 0 && l.rests(now) {
		if d.lanes[l.profile] == l {
			delete(d.lanes, l.profile)
		}
		return
	}
	if got.Wait > 0 {
		l.share.asking = true
		time.AfterFunc(max(got.Wait, leastWait), func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.ask(l)
		})
	}
	if !d.stopped {
		d.beginQueued(l, now)
	}
}

// giveBack gives the claimer's shares back.
func (d *dispatcher) giveBack(ctx context.Context, c *claimer) {
	d.mu.Lock()
	var claims []stream.Claim
	for _, l := range d.lanes {
		if l.claimer == c && d.claims(l) {
			claims = append(claims, stream.Claim{Profile: l.profile, Window: l.window})
		}
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	defer cancel()
	for len(claims) > 0 {
		n := min(len(claims), maxClaims)
		d.share(ctx, claims[:n]) // what is not given back expires
		claims = claims[n:]
	}
}
