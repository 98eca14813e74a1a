package stream

import (
	"context"
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
	Want    int // attempts at once that it could make use of; 0 gives back all that is not running
	Rate    int // attempts a second over all workers; 0 for no limit
	Tokens  int // attempts that it would begin now, where there is a rate
}

// Share is what a worker gets of a profile's limits, until ShareTTL after it was claimed.
type Share struct {
	Limit     int // attempts at once
	Claimants int // workers that claim a share, this one among them
	Scarce    bool
	Tokens    int           // attempts that may begin
	Wait      time.Duration // until there is another token, if there were not as many as wanted
}

// ShareTTL is how long a claim holds. What a worker that has died had claimed, others get after that time.
const ShareTTL = 5 * time.Second

// tokenBurst is how much of a second's tokens may come at once: so much above its rate a profile can get in any time, or one.
const tokenBurst = 25 * time.Millisecond

// shareScript gives a worker its share of a profile's limits, fairly: nobody gets more than they want, and of those who get
// less than they want nobody gets less than another by more than one.
//
// KEYS[1] is a hash: worker → "reserved want expires", and "" → when the last token that was given is worked off. Times are in
// microseconds of Redis' clock. ARGV: worker, window, running, want, TTL, rate, tokens, burst.
var shareScript = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local worker, window, running, want = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ttl, rate, tokens, burst = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local all = redis.call('HGETALL', KEYS[1])
local reserved, wants, wanted, off = 0, {}, want, 0
if want > 0 then wants[1] = want end
for i = 1, #all, 2 do
	if all[i] == '' then
		off = tonumber(all[i + 1])
	elseif all[i] ~= worker then
		local r, w, e = string.match(all[i + 1], '(%d+) (%d+) (%d+)')
		if tonumber(e) < now then
			redis.call('HDEL', KEYS[1], all[i])
		else
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
return {limit, #wants, scarce, given, wait}
`)

// Share claims a worker's shares of several profiles' limits in one round trip. It returns one for each claim.
func (s *Streams) Share(ctx context.Context, worker string, claims []Claim) ([]Share, error) {
	shares, err := s.share(ctx, worker, claims)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // Redis has been restarted, or has not seen it yet
		if err = s.loadScript(ctx); err == nil {
			shares, err = s.share(ctx, worker, claims)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("share limits: %w", err)
	}
	return shares, nil
}

func (s *Streams) share(ctx context.Context, worker string, claims []Claim) ([]Share, error) {
	pipe := s.client.Pipeline()
	answers := make([]*redis.Cmd, len(claims))
	for i, c := range claims {
		answers[i] = shareScript.EvalSha(ctx, pipe, []string{s.keys.share(s.partitionOf(c.Profile), c.Profile.String())},
			worker, c.Window, c.Running, c.Want, ShareTTL.Microseconds(), c.Rate, c.Tokens, tokenBurst.Microseconds())
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, err
	}
	shares := make([]Share, len(claims))
	for i, answer := range answers {
		n, err := answer.Int64Slice()
		if err != nil {
			return nil, err
		}
		shares[i] = Share{
			Limit: int(n[0]), Claimants: int(n[1]), Scarce: n[2] == 1, Tokens: int(n[3]), Wait: time.Duration(n[4]) * time.Microsecond,
		}
	}
	return shares, nil
}

// loadScript makes the script known, on each node of a cluster.
func (s *Streams) loadScript(ctx context.Context) error {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error { return shareScript.Load(ctx, node).Err() })
	}
	return shareScript.Load(ctx, s.client).Err()
}
