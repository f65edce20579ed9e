#include "tools/evlog/compress_run.hpp"

#include <evbus/log/segment_footer.hpp>
#include <evbus/log/segment_reader.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace evlog {
namespace {

namespace elog = evbus::log;

/// The newest time that a segment knows of, ns.
std::int64_t newest_time(elog::file_system& fs, const std::string& path, const elog::file_info& info, evbus::seq_t first) {
    elog::segment_reader in;
    elog::segment_header h{};
    if (in.open(fs, path, 0) == 0 && in.read_header({}, first, h) == elog::segment_fault::none) {
        elog::segment_footer footer;
        if (footer.open(in.source(), first, elog::bus_of(h).seed()))
            if (const auto said = footer.summary(); said && said->max_time_ns != 0) return said->max_time_ns;
    }
    return info.modified_ns;
}

/// What the workers share.
class work {
public:
    work(elog::file_system& fs, const elog::log_dir& dir, const std::vector<chosen_segment>& segments,
         elog::compress_options options)
        : fs_(&fs), dir_(dir), segments_(&segments), options_(options) {
        options_.stop = &stop_;
        options_.progress = &bytes_;
    }

    void stop() noexcept { stop_ = true; }
    void run() noexcept {
        while (!stop_) {
            const std::size_t i = next_++;
            if (i >= segments_->size()) break;
            const evbus::seq_t first = (*segments_)[i].first;
            try {
                post({first, elog::compress_segment(*fs_, dir_, first, options_)});
            } catch (...) {
                stop_ = true;
                const std::lock_guard lock(mutex_);
                if (!failure_) failure_ = std::current_exception();
            }
        }
        const std::lock_guard lock(mutex_);
        ++ended_;
        news_.notify_one();
    }

    compress_run watch(unsigned threads, const compress_run::watcher& watcher) {
        compress_run out;
        std::unique_lock lock(mutex_);
        while (ended_ != threads || !done_.empty()) {
            news_.wait_for(lock, std::chrono::milliseconds(100), [&] { return !done_.empty() || ended_ == threads; });
            const std::deque<compress_run::step> done = std::exchange(done_, {});
            lock.unlock();
            bool go_on = watcher(nullptr, bytes_);
            for (const compress_run::step& s : done) go_on = watcher(&s, bytes_) && go_on;
            if (!go_on) stop_ = out.stopped = true;
            lock.lock();
        }
        out.failure = failure_;
        return out;
    }

private:
    void post(const compress_run::step& s) {
        const std::lock_guard lock(mutex_);
        done_.push_back(s);
        news_.notify_one();
    }

    elog::file_system* fs_;
    elog::log_dir dir_;
    const std::vector<chosen_segment>* segments_;
    elog::compress_options options_;
    std::atomic<bool> stop_{false};
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::size_t> next_{0};
    std::mutex mutex_;
    std::condition_variable news_;
    std::deque<compress_run::step> done_;
    unsigned ended_ = 0;
    std::exception_ptr failure_;
};

} // namespace

std::vector<chosen_segment> choose(elog::file_system& fs, const elog::log_dir& dir, const segment_choice& which) {
    std::vector<evbus::seq_t> firsts;
    if (const int r = elog::list_segments(fs, dir, firsts); r < 0)
        evbus::detail::throw_errno(-r, "compress log", dir.segments());
    const std::int64_t now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                 std::chrono::system_clock::now().time_since_epoch())
                                 .count();
    std::vector<chosen_segment> out;
    for (std::size_t i = 0; i < firsts.size(); ++i) {
        const bool ends_before = i + 1 < firsts.size() && firsts[i + 1] <= which.first;
        if (ends_before || firsts[i] > which.last) continue;
        const std::string path = elog::segment_path(dir, firsts[i]);
        elog::file_info info;
        if (fs.stat(path, info) < 0) continue; // retention was quicker
        if (which.older_than && newest_time(fs, path, info, firsts[i]) > now - which.older_than->count()) continue;
        out.push_back({firsts[i], info.bytes});
    }
    return out;
}

compress_run compress_all(elog::file_system& fs, const elog::log_dir& dir, const std::vector<chosen_segment>& segments,
                          elog::compress_options options, unsigned threads, const compress_run::watcher& watch) {
    work shared(fs, dir, segments, options);
    std::vector<std::jthread> workers;
    const std::unique_ptr<work, void (*)(work*)> stop_at_end(&shared, [](work* w) { w->stop(); }); // also when watch throws
    for (unsigned i = 0; i < threads; ++i) workers.emplace_back([&shared] { shared.run(); });
    return shared.watch(threads, watch);
}

} // namespace evlog
