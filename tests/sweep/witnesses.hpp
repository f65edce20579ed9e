// Who looks on while a victim is struck: two publishers and two readers in another process than the
// victim's, and the account of what everybody was told. One thread drives them, so that every case of a
// sweep is the same at each run; progress is counted in events, never in time.
#pragma once

#include "tests/sweep/sweep_fixture.hpp"

#include <deque>

namespace sweep_test {

/// An event that says of itself whose it is, the how-many-eth, and whether it is whole.
struct self_checking {
    static std::string make(std::uint32_t who, std::uint32_t n, std::size_t bytes) {
        std::string out(std::max<std::size_t>(bytes, 8), '\0');
        std::memcpy(out.data(), &who, 4);
        std::memcpy(out.data() + 4, &n, 4);
        for (std::size_t i = 8; i < out.size(); ++i) out[i] = static_cast<char>(who * 31 + n * 7 + i * 13 + bytes);
        return out;
    }
    static bool read(std::string_view text, std::uint32_t& who, std::uint32_t& n) {
        if (text.size() < 8) return false;
        std::memcpy(&who, text.data(), 4);
        std::memcpy(&n, text.data() + 4, 4);
        return text == make(who, n, text.size());
    }
};

/// Sizes of the n-th event: small ones of different lengths, or ones of several frames.
[[nodiscard]] inline std::size_t small_size(std::uint32_t n) { return 8 + n * 5 % 70; }
[[nodiscard]] inline std::size_t large_size(std::uint32_t n) { return 150 + n * 37 % 300; }

/// What was published, by whom, as far as somebody was told.
class ledger {
public:
    struct author {
        std::vector<seq_t> told;          ///< by event; no_seq = not told
        std::uint64_t started = 0;        ///< events that it began
        const page_words* page = nullptr; ///< a victim's account, which it keeps itself
    };
    author& of(std::uint32_t who) { return authors_[who]; }
    [[nodiscard]] std::uint64_t started(std::uint32_t who) {
        const author& a = authors_[who];
        return a.page != nullptr ? a.page->started.load() : a.started;
    }
    /// no_seq when nobody was told.
    [[nodiscard]] seq_t told(std::uint32_t who, std::uint32_t n) {
        const author& a = authors_[who];
        if (a.page != nullptr) return n < page_words::most_events ? a.page->seq[n].load() : no_seq;
        return n < a.told.size() ? a.told[n] : no_seq;
    }
    /// Every (seq, author, n) that was told.
    template <class Each>
    void each_told(Each&& each) {
        for (auto& [who, a] : authors_) {
            const std::uint64_t count = a.page != nullptr
                                            ? std::min<std::uint64_t>(a.page->started.load(), page_words::most_events)
                                            : a.told.size();
            for (std::uint32_t n = 0; n < count; ++n)
                if (const seq_t seq = told(who, n); seq != no_seq) each(seq, who, n);
        }
    }

private:
    std::map<std::uint32_t, author> authors_;
};

/// What is wrong, in sentences. An empty list is the verdict of a case.
class complaints {
public:
    void expect(bool fine, const std::string& otherwise) {
        if (!fine && all_.size() < 12) all_.push_back(otherwise);
    }
    template <class A, class B>
    void same(const A& seen, const B& expected, const std::string& what) {
        if (!(seen == static_cast<A>(expected)))
            expect(false, what + " is " + std::to_string(seen) + " and should be " + std::to_string(expected));
    }
    [[nodiscard]] const std::vector<std::string>& all() const { return all_; }
    [[nodiscard]] bool none() const { return all_.empty(); }
    [[nodiscard]] std::string text() const {
        std::string out;
        for (const std::string& c : all_) out += "\n  " + c;
        return out;
    }

private:
    std::vector<std::string> all_;
};

/// A reader that checks every event it is given, and at the end what it was not given.
class witness_reader {
public:
    witness_reader(const bus& on, const char* name, ledger& book, complaints& wrong)
        : sub(on, {.from = from::oldest(), .name = name}),
          book_(&book),
          wrong_(&wrong),
          name_(name),
          start_(sub.next()) {}

    std::size_t look() {
        return sub.poll([&](const event& e) { check(e); },
                        [&](const gap& g) {
                            wrong_->expect(g.cause == gap_cause::overwritten || g.cause == gap_cause::incomplete,
                                           name_ + ": " + ring_test::text_of(g));
                            gaps_.push_back(g);
                        });
    }
    [[nodiscard]] std::uint64_t delivered() const { return sub.losses().events; }
    [[nodiscard]] const std::vector<gap>& gaps() const { return gaps_; }
    [[nodiscard]] bool was_given(std::uint32_t who, std::uint32_t n) const { return given_.contains({who, n}); }

    /// Nothing that was told is missing, and every seq is accounted for.
    void close_account() {
        const tally& t = sub.losses();
        wrong_->same(t.walked(), sub.next() - start_, name_ + ": the sum of its account");
        std::uint64_t in_gaps = 0;
        for (const gap& g : gaps_) in_gaps += g.seqs;
        wrong_->same(t.lost(), in_gaps, name_ + ": lost seqs, of which the gaps tell");
        book_->each_told([&](seq_t seq, std::uint32_t who, std::uint32_t n) {
            if (seq < start_ || seq >= sub.next()) return;
            const auto got = given_.find({who, n});
            if (got != given_.end()) return;
            wrong_->expect(is_in_gap(seq), name_ + ": event " + label(who, n) + " was told to be published as seq " +
                                               std::to_string(seq) + ", and is neither given nor in a gap");
        });
    }

    subscriber sub;

private:
    static std::string label(std::uint32_t who, std::uint32_t n) {
        return std::to_string(who) + "/" + std::to_string(n);
    }
    void check(const event& e) {
        std::uint32_t who = 0, n = 0;
        if (!self_checking::read(e.text(), who, n))
            return wrong_->expect(false, name_ + ": seq " + std::to_string(e.seq()) + " is torn");
        wrong_->expect(e.topic() == "w." + std::to_string(who),
                       name_ + ": " + label(who, n) + " came under the topic " + std::string(e.topic()));
        wrong_->expect(n < book_->started(who), name_ + ": " + label(who, n) + " was never published");
        const seq_t told = book_->told(who, n);
        wrong_->expect(told == no_seq || told == e.seq(), name_ + ": " + label(who, n) + " was told to be seq " +
                                                              std::to_string(told) + " and came as seq " +
                                                              std::to_string(e.seq()));
        wrong_->expect(e.seq() > last_seq_,
                       name_ + ": seq " + std::to_string(e.seq()) + " after seq " + std::to_string(last_seq_));
        last_seq_ = e.seq();
        wrong_->expect(given_.emplace(std::pair{who, n}, e.seq()).second, name_ + ": " + label(who, n) + " came twice");
        const auto [at, first] = last_of_.emplace(who, n);
        wrong_->expect(first || at->second < n, name_ + ": " + label(who, n) + " came out of its publisher's order");
        at->second = std::max(at->second, n);
    }
    [[nodiscard]] bool is_in_gap(seq_t seq) const {
        return std::any_of(gaps_.begin(), gaps_.end(), [&](const gap& g) {
            return g.range.first <= seq && seq <= g.range.last &&
                   (g.cause == gap_cause::overwritten || g.cause == gap_cause::incomplete);
        });
    }

    ledger* book_;
    complaints* wrong_;
    std::string name_;
    seq_t start_;
    seq_t last_seq_ = no_seq;
    std::map<std::pair<std::uint32_t, std::uint32_t>, seq_t> given_;
    std::map<std::uint32_t, std::uint32_t> last_of_;
    std::vector<gap> gaps_;
};

/// A publisher that keeps its own line in the ledger.
class witness_publisher {
public:
    witness_publisher(const bus& on, std::uint32_t who, ledger& book)
        : pen(on, {.name = "witness " + std::to_string(who)}),
          who_(who),
          to_("w." + std::to_string(who)),
          book_(&book) {}

    /// One event. False when the bus would have it wait.
    bool publish(bool may_wait) {
        ledger::author& me = book_->of(who_);
        const auto n = static_cast<std::uint32_t>(me.told.size());
        const std::string text = self_checking::make(who_, n, small_size(n));
        me.started = n + 1;
        const published r = may_wait ? pen.publish(to_, text) : pen.try_publish(to_, text);
        status = r.status;
        if (!r) return false;
        me.told.push_back(r.seq);
        return true;
    }
    [[nodiscard]] std::uint64_t count() const { return pen.count(); }

    publisher pen;
    publish_status status = publish_status::published;

private:
    std::uint32_t who_;
    topic to_;
    ledger* book_;
};

/// What the victim of a publishing role does: `count` events, its progress on the page.
inline void publish_on_page(publisher& pen, const shared_page& page, std::uint32_t who, std::uint32_t count,
                            std::size_t (*size)(std::uint32_t), const std::function<void()>& before_each = {}) {
    const topic to("w." + std::to_string(who));
    const auto first = static_cast<std::uint32_t>(page->started.load());
    for (std::uint32_t n = first; n < first + count; ++n) {
        if (before_each) before_each();
        const std::string text = self_checking::make(who, n, size(n));
        page->started.store(n + 1);
        const published r = pen.publish(to, text);
        page->given_back.store(pen.given_back());
        if (r) {
            page->seq[n].store(r.seq);
            page->told.fetch_add(1);
        } else {
            page->refused.fetch_add(1);
        }
    }
}

} // namespace sweep_test
