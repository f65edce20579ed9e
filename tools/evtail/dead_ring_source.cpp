// Walking a dead ring: what evbus::subscriber does on a live one, without its races.
#include "tools/evtail/dead_ring.hpp"

#include <evbus/delivery.hpp>
#include <evbus/filter.hpp>
#include <evbus/frame.hpp>
#include <evbus/headers.hpp>
#include <evbus/newest_events.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace evtail {

namespace ring = evbus::ring;

namespace {

class dead_place final : public reader {
public:
    dead_place(dead_ring& in, const event_filter& wanted, evbus::from where)
        : ring_(&in), clock_(in.clock(), in.description().stamps()), wanted_(wanted.topics, wanted.exclude),
          headers_(wanted.headers) {
        wanted_.remember();
        if (!headers_.empty()) deliver_.pick_by_first_frames();
        switch (where.what()) {
        case evbus::from::kind::head: next_ = in.head(); break;
        case evbus::from::kind::seq: next_ = where.first_seq(); break;
        case evbus::from::kind::epoch: next_ = in.first_seq(); break;
        case evbus::from::kind::newest: begin_at_newest(where.first_seq()); break;
        // Single events are picked by their time later on: see selection.
        case evbus::from::kind::time:
        case evbus::from::kind::anchor: // refused by the options: the log has them
        case evbus::from::kind::oldest: next_ = in.oldest(); break;
        }
    }
    rest poll(sink& to, seq_t last) override {
        const auto on_event = [&](const evbus::event& e) {
            bytes_ += bytes_of(e);
            to.event(e);
        };
        const auto on_gap = [&](const evbus::gap& g) { to.gap(g); };
        const seq_t stop = std::min(last, ring_->head() - 1);
        const std::uint64_t before = deliver_.account().events;
        if (next_ <= stop && next_ < ring_->oldest()) {
            const evbus::seq_range lost{next_, std::min(stop, ring_->oldest() - 1)};
            deliver_.gap(lost, evbus::gap_cause::overwritten, on_gap);
            next_ = lost.last + 1;
        }
        if (newest_) {
            const auto the_newest = newest_->give_to(on_event, deliver_);
            while (next_ <= std::min(stop, newest_->pick().top)) take(next_++, the_newest, on_gap);
            if (next_ > newest_->pick().top) newest_.reset();
        }
        while (next_ <= stop && !newest_ && deliver_.account().events - before < events_a_poll) take(next_++, on_event, on_gap);
        return deliver_.account().events != before ? rest::more : rest::end;
    }
    void wait(std::chrono::nanoseconds) override {}
    seq_t next() const override { return next_; }
    std::uint64_t headless() const override { return deliver_.account().headless; }
    void add_to(read_counts& sum) const override {
        sum.from_ring += deliver_.account().events;
        sum.ring_bytes += bytes_;
        sum.voids += deliver_.account().voids;
    }

private:
    template <class OnEvent, class OnGap>
    void take(seq_t seq, const OnEvent& on_event, const OnGap& on_gap) {
        evbus::frame_view f;
        switch (read(seq, f)) {
        case content::accepted:
            if (!headers_.lets_pass(f)) return deliver_.rejected(f.publisher(), on_gap);
            (void)deliver_.frame(seq, f, clock_.to_ns(f.header.published), on_event, on_gap);
            return;
        case content::rejected: return deliver_.rejected(f.publisher(), on_gap);
        case content::overwritten: return deliver_.gap({seq, seq}, evbus::gap_cause::overwritten, on_gap);
        case content::malformed: return deliver_.gap({seq, seq}, evbus::gap_cause::malformed, on_gap);
        case content::nothing: return deliver_.voided();
        }
    }
    enum class content : std::uint8_t { accepted, rejected, overwritten, malformed, nothing };

    [[nodiscard]] content read(seq_t seq, evbus::frame_view& f) {
        const ring::slot_word word = ring_->word(seq);
        const std::int64_t ahead = word.laps_ahead_of(ring_->shape().lap(seq));
        if (ahead > 0) return content::overwritten;
        // Dead, stepped over, or claimed and never finished: nothing was published there.
        if (ahead != 0 || word.phase() != ring::phase::committed) return content::nothing;
        if (evbus::parse_frame(ring_->slot(seq), f) != evbus::frame_fault::none || !evbus::headers_view(f.headers_block).is_whole())
            return content::malformed;
        switch (wanted_.judge(f.header.topic_hash, f.topic)) {
        case evbus::topic_verdict::accepted: return content::accepted;
        case evbus::topic_verdict::rejected: return content::rejected;
        case evbus::topic_verdict::malformed: break;
        }
        return content::malformed;
    }
    void begin_at_newest(seq_t up_to) {
        const seq_t top = std::min(up_to, ring_->head() - 1);
        evbus::newest_topics topics(wanted_, headers_);
        topics.begin_stretch(ring_->oldest());
        evbus::frame_view f;
        for (seq_t seq = ring_->oldest(); seq <= top; ++seq) {
            switch (read(seq, f)) {
            case content::accepted: topics.frame(seq, f); break;
            case content::rejected: topics.rejected(f.publisher()); break;
            case content::overwritten:
            case content::malformed: topics.gap({seq, seq}); break;
            case content::nothing: break;
            }
        }
        topics.end_stretch(true);
        newest_.emplace(topics.pick(top));
        next_ = newest_->pick().begin;
    }

    static constexpr std::uint64_t events_a_poll = 4096;

    dead_ring* ring_;
    ring::clock_view clock_;
    evbus::filter_set wanted_;
    evbus::header_filter headers_;
    evbus::delivery deliver_{SIZE_MAX}; ///< all that may be open at once stands in the ring
    std::optional<evbus::newest_events> newest_; ///< until all of them were given
    std::uint64_t bytes_ = 0;
    seq_t next_ = 1;
};

} // namespace

dead_ring_source::dead_ring_source(const std::string& path, event_filter wanted)
    : ring_(path), wanted_(std::move(wanted)) {}

std::unique_ptr<reader> dead_ring_source::read(evbus::from where) {
    return std::make_unique<dead_place>(ring_, wanted_, where);
}

} // namespace evtail
