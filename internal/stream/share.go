package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/hookline/hookline/internal/id"
)

// Claim is what a worker needs of a profile's limits, which all workers share.
type Claim struct {
	Profile id.ID
	Window  int // attempts at once, over all workers
	Running int // attempts of this worker that are under way
	Held    int // attempts at once that it may still make by its last claim; 0 when that may have expired
	Want    int // attempts at once that it could make use of; 0 gives back all that is not running
	Rate    int // attempts a second over all workers; 0 for no limit
	Tokens  int // attempts that it would begin now, where there is a rate
}

// Share is what a worker gets of a profile's limits, until ShareTTL after it was claimed.
type Share struct {
	Limit     int           // attempts at once
	Claimants int           // workers that claim a share, this one among them
	Scarce    bool          // they want more than there is
	Settling  bool          // there may be more when the claims have settled, see ShareTTL
	Tokens    int           // attempts that may begin
	Wait      time.Duration // until there is another token, if there were not as many as wanted
	// Err says that the claim was not answered. Unless it IsRefused, Redis may have done it, and given others what is above Claim.Running.
	Err error
}

// ShareTTL is how long a claim holds. What a worker that has died had claimed, others get after that time; and for that time after
// Redis has lost claims, all get only what they still had: until then somebody may be at work by a claim that Redis does not know.
const ShareTTL = 5 * time.Second

// tokenBurst is how much of a second's tokens may come at once: so much above its rate a profile can get in any time, or one.
const tokenBurst = 25 * time.Millisecond

// shareScript gives a worker its share of a profile's limits, fairly: nobody gets more than they want, and of those who get
// less than they want nobody gets less than another by more than one.
//
// KEYS[1] is a hash: worker → "reserved want expires", and "" → when the last token that was given is worked off. KEYS[2] is since
// when Redis has the claims. Times are in microseconds of Redis' clock. ARGV: worker, window, running, held, want, TTL, rate, tokens,
// burst.
var shareScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local worker, window, running, held, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local ttl, rate, tokens, burst = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local since = tonumber(redis.call('GET', KEYS[2]) or now + 1)
if since > now then -- it is not known, or the clock was put back
	since = now
	redis.call('SET', KEYS[2], string.format('%.0f', now))
end
local settling = now < since + ttl
local all = redis.call('HGETALL', KEYS[1])
local reserved, wants, wanted, off = 0, {}, want, 0
if want > 0 then wants[1] = want end
for i = 1, #all, 2 do
	if all[i] == '' then
		off = math.min(tonumber(all[i + 1]), now)
	elseif all[i] ~= worker then
		local r, w, e = string.match(all[i + 1], '(%d+) (%d+) (%d+)')
		if tonumber(e) < now then
			redis.call('HDEL', KEYS[1], all[i])
		else
			if tonumber(e) > now + ttl then -- the clock was put back
				redis.call('HSET', KEYS[1], all[i], string.format('%d %d %.0f', r, w, now + ttl))
			end
			reserved = reserved + r
			wanted = wanted + w
			if tonumber(w) > 0 then wants[#wants + 1] = tonumber(w) end
		end
	end
end
table.sort(wants)
local fair, left = 0, window
for i = 1, #wants do
	local rest = #wants - i + 1
	fair = math.floor(left / rest)
	if wants[i] > fair then
		if left % rest > 0 then fair = fair + 1 end -- for whoever comes first
		break
	end
	left = left - wants[i]
	fair = want
end
local limit = math.max(math.min(want, fair, window - reserved), 0)
if settling then limit = math.min(want, held, window) end -- what others have is not known: as before
local keep = math.max(limit, running)
if keep == 0 and want == 0 then
	redis.call('HDEL', KEYS[1], worker)
else
	redis.call('HSET', KEYS[1], worker, string.format('%d %d %.0f', keep, want, now + ttl))
end
local given, wait = 0, 0
if rate > 0 and tokens > 0 then
	local each = 1000000 / rate
	off = math.max(off, now - math.max(burst, each))
	given = math.min(tokens, math.floor((now - off) / each + 0.001))
	off = off + given * each
	if given < tokens then wait = math.ceil(off + each - now) end
	redis.call('HSET', KEYS[1], '', string.format('%.0f', off))
end
redis.call('PEXPIRE', KEYS[1], math.ceil(ttl / 1000) * 2)
local scarce = 0
if wanted > window then scarce = 1 end
if settling and limit < want then scarce = 2 end
return {limit, #wants, scarce, given, wait}
`)

// settleScript notes since when Redis has the claims, if that is not noted.
var settleScript = redis.NewScript(`
local t = redis.call('TIME')
return redis.call('SET', KEYS[1], string.format('%.0f', t[1] * 1000000 + t[2]), 'NX')
`)

// SettleClaims says that no worker is at work by a claim that Redis does not know. Who starts the very first worker may know that, and
// save it the time that claims take to settle; workers cannot.
func (s *Streams) SettleClaims(ctx context.Context) error {
	for partition := range s.partitions {
		if err := s.unsettleUnknown(ctx, partition); err != nil {
			return fmt.Errorf("settle claims: %w", err)
		}
	}
	for partition := range s.partitions {
		if err := s.client.Set(ctx, s.keys.claimed(partition), 0, 0).Err(); err != nil {
			return fmt.Errorf("settle claims: %w", err)
		}
	}
	return nil
}

// Share claims a worker's shares of several profiles' limits, in one round trip to each node of Redis. It returns one for each claim.
func (s *Streams) Share(ctx context.Context, worker string, claims []Claim) []Share {
	shares := s.share(ctx, worker, claims)
	var again []Claim
	looked := make(map[int]bool) // partitions
	for i, c := range claims {
		if !shares[i].unknownScript() {
			continue
		}
		if partition := s.PartitionOf(c.Profile); !looked[partition] {
			looked[partition] = true
			if err := s.unsettleUnknown(ctx, partition); err != nil {
				return shares
			}
		}
		again = append(again, c)
	}
	if len(again) == 0 {
		return shares
	}
	answers := s.share(ctx, worker, again)
	for i := range shares {
		if shares[i].unknownScript() {
			shares[i], answers = answers[0], answers[1:]
		}
	}
	return shares
}

// unknownScript reports whether Redis did not know the script.
func (s Share) unknownScript() bool { return redis.HasErrorPrefix(s.Err, "NOSCRIPT") }

func (s *Streams) share(ctx context.Context, worker string, claims []Claim) []Share {
	pipe := s.client.Pipeline()
	answers := make([]*redis.Cmd, len(claims))
	for i, c := range claims {
		partition := s.PartitionOf(c.Profile)
		answers[i] = shareScript.EvalSha(ctx, pipe, []string{s.keys.share(partition, c.Profile.String()), s.keys.claimed(partition)},
			worker, c.Window, c.Running, c.Held, c.Want, ShareTTL.Microseconds(), c.Rate, c.Tokens, tokenBurst.Microseconds())
	}
	_, _ = pipe.Exec(ctx) // each answer has its error
	shares := make([]Share, len(claims))
	for i, answer := range answers {
		n, err := answer.Int64Slice()
		if err != nil {
			shares[i].Err = fmt.Errorf("share limits: %w", err)
			continue
		}
		shares[i] = Share{
			Limit: int(n[0]), Claimants: int(n[1]), Scarce: n[2] == 1, Settling: n[2] == 2,
			Tokens: int(n[3]), Wait: time.Duration(n[4]) * time.Microsecond,
		}
	}
	return shares
}

// unsettleUnknown has the claims settle anew of all partitions of the Redis process that has the partition, unless that knows the script. It does not
// when it has been started, or has become the primary, since it was last asked: then it may have lost what was claimed last.
func (s *Streams) unsettleUnknown(ctx context.Context, partition int) error {
	_, knows, err := s.process(ctx, partition)
	if err != nil || knows {
		return err
	}
	return s.unsettle(ctx, partition)
}

// watch returns what tells the Redis process that has the partition from others. If it is another one than before, or does not know the script,
// claims settle anew: a former primary, which is it again, knows the script and not what was claimed last.
func (s *Streams) watch(ctx context.Context, partition int) (process string, err error) {
	process, knows, err := s.process(ctx, partition)
	if err != nil {
		return "", err
	}
	if before := s.processes[partition].Load(); !knows || before != nil && *before != process {
		if err := s.unsettle(ctx, partition); err != nil {
			return "", err
		}
	}
	s.processes[partition].Store(&process)
	return process, nil
}

// unsettle has the claims settle anew of all partitions of the Redis process that has the partition, and then makes the script known there.
func (s *Streams) unsettle(ctx context.Context, partition int) error {
	node, err := s.node(ctx, partition)
	if err != nil {
		return err
	}
	var claimed []string
	for other := range s.partitions {
		its, err := s.node(ctx, other)
		if err != nil {
			return err
		}
		if its == node {
			claimed = append(claimed, s.keys.claimed(other))
		}
	}
	for _, key := range claimed {
		if err := node.Del(ctx, key).Err(); err != nil {
			return err
		}
	}
	if err := shareScript.Load(ctx, node).Err(); err != nil {
		return err
	}
	for _, key := range claimed { // from now on, rather than from the first claim
		if err := settleScript.Run(ctx, node, []string{key}).Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}
