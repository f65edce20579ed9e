#include "lib/recorder/manifest.hpp"

#include "lib/log/atomic_file.hpp"

#include <evbus/detail/hash.hpp>
#include <evbus/log/epochs.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <span>

namespace evbus {
inline namespace v1 {
namespace recorder {
namespace {

using nlohmann::ordered_json;

constexpr run_status statuses[] = {run_status::running, run_status::ended, run_status::crashed,
                                   run_status::quarantined};
constexpr std::size_t max_manifest_bytes = std::size_t{1} << 20;

// 64-bit numbers stand as strings: many readers of JSON keep 53 bits.
ordered_json text_of(std::uint64_t n) { return std::to_string(n); }

template <class Number>
Number number_in(const ordered_json& j, const char* key) {
    const std::string text = j.at(key).get<std::string>();
    Number out{};
    if (!log::detail::parse_number(std::string_view(text), out)) throw std::invalid_argument(key);
    return out;
}

std::uint64_t hex_in(const ordered_json& j, const char* key) {
    std::uint64_t out = 0;
    const ordered_json& value = j.at(key);
    if (value.is_null()) return 0;
    if (!evbus::detail::parse_hex64(value.get<std::string>(), out)) throw std::invalid_argument(key);
    return out;
}

ordered_json json_of(const log::anchor& a) {
    ordered_json j;
    j["seq"] = std::to_string(a.seq);
    j["replay_from"] = std::to_string(a.place().walk_from);
    j["reference"] = a.reference;
    j["hash"] = a.content_hash ? ordered_json(evbus::detail::hex64(*a.content_hash)) : ordered_json(nullptr);
    j["time_ns"] = std::to_string(a.time_ns);
    return j;
}

log::anchor anchor_in(const ordered_json& j) {
    log::anchor a{.seq = number_in<seq_t>(j, "seq"), .reference = j.at("reference").get<std::string>()};
    if (!j.at("hash").is_null()) a.content_hash = hex_in(j, "hash");
    const auto walk_from = number_in<seq_t>(j, "replay_from");
    if (walk_from <= a.seq) a.walk_from = walk_from;
    a.time_ns = number_in<std::int64_t>(j, "time_ns");
    return a;
}

run_status status_in(const ordered_json& j) {
    const std::string text = j.at("status").get<std::string>();
    for (const run_status s : statuses)
        if (text == to_string(s)) return s;
    throw std::invalid_argument("status");
}

/// On a full disk there is no room for a second file, but the one that is there has its block, and why the
/// run ended must stand somewhere. `fault` when that cannot be done without taking a new block.
int rewrite_in_place(log::file_system& fs, const std::string& path, const std::string& text, int fault) {
    constexpr std::size_t least_block = 4096;
    if (text.size() > least_block) return fault;
    const int fd = fs.open(path, O_WRONLY, 0);
    if (fd < 0) return fault;
    const log::file out(fs, fd);
    if (const int r = out.write_at(text.data(), text.size(), 0); r < 0) return r;
    if (const int r = out.truncate(text.size()); r < 0) return r;
    return out.datasync();
}

} // namespace

const char* to_string(run_status s) noexcept {
    switch (s) {
    case run_status::running: return "running";
    case run_status::ended: return "ended";
    case run_status::crashed: return "crashed";
    case run_status::quarantined: return "quarantined";
    }
    return "?";
}

std::uint64_t make_run_id(std::int64_t started_ns, std::uint32_t pid) noexcept {
    const std::uint64_t parts[2] = {static_cast<std::uint64_t>(started_ns), pid};
    const std::uint64_t id = evbus::detail::xxh3(parts, sizeof parts);
    return id == 0 ? 1 : id;
}

std::string hash_of(const std::map<std::string, std::string>& config) {
    std::string text;
    for (const auto& [key, value] : config) text += key + "=" + value + "\n";
    return evbus::detail::hex64(evbus::detail::xxh3(text.data(), text.size()));
}

std::string manifest_name(std::uint64_t run) { return evbus::detail::hex64(run) + ".json"; }

std::string to_json(const manifest& m) {
    ordered_json j;
    j["run"] = evbus::detail::hex64(m.run);
    j["parent"] = m.parent == 0 ? ordered_json(nullptr) : ordered_json(evbus::detail::hex64(m.parent));
    j["status"] = to_string(m.status);
    j["reason"] = m.reason;
    j["bus"] = m.bus;
    j["bus_id"] = to_string(m.id);
    j["epoch"] = to_string(m.epoch);
    j["config"] = m.config;
    j["config_hash"] = m.config_hash;
    j["pid"] = m.pid;
    j["version"] = m.version;
    j["started_ns"] = std::to_string(m.started_ns);
    j["ended_ns"] = std::to_string(m.ended_ns);
    j["first_seq"] = text_of(m.first_seq);
    j["last_seq"] = text_of(m.last_seq);
    j["durable_seq"] = text_of(m.durable_seq);
    if (m.knows_anchor) j["anchor"] = m.anchor ? json_of(*m.anchor) : ordered_json(nullptr);
    // A bus name or a reason may hold bytes that are no UTF-8: shown as U+FFFD, never thrown over.
    return j.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::optional<manifest> parse_manifest(const std::string& text) {
    try {
        const ordered_json j = ordered_json::parse(text);
        manifest m;
        m.run = hex_in(j, "run");
        m.parent = hex_in(j, "parent");
        m.status = status_in(j);
        m.reason = j.value("reason", "");
        m.bus = j.at("bus").get<std::string>();
        m.id = parse_bus_id(j.at("bus_id").get<std::string>());
        m.epoch = static_cast<epoch_t>(hex_in(j, "epoch"));
        m.config = j.at("config").get<std::map<std::string, std::string>>();
        m.config_hash = j.at("config_hash").get<std::string>();
        m.pid = j.at("pid").get<std::uint32_t>();
        m.version = j.value("version", "");
        m.started_ns = number_in<std::int64_t>(j, "started_ns");
        m.ended_ns = number_in<std::int64_t>(j, "ended_ns");
        m.first_seq = number_in<seq_t>(j, "first_seq");
        m.last_seq = number_in<seq_t>(j, "last_seq");
        if (j.contains("durable_seq")) m.durable_seq = number_in<seq_t>(j, "durable_seq");
        if (m.run == 0) return std::nullopt;
        if (const auto a = j.find("anchor"); a != j.end()) {
            m.knows_anchor = true;
            if (!a->is_null()) m.anchor = anchor_in(*a);
        }
        return m;
    } catch (const ordered_json::exception&) {
        return std::nullopt;
    } catch (const std::invalid_argument&) {
        return std::nullopt;
    }
}

int save_manifest(log::file_system& fs, const log::log_dir& dir, manifest& m, unsigned mode) {
    m.config_hash = hash_of(m.config);
    const std::string text = to_json(m);
    const int r = log::replace_file(fs, dir.runs(), manifest_name(m.run), std::as_bytes(std::span(text)), mode);
    return r == -ENOSPC || r == -EDQUOT ? rewrite_in_place(fs, dir.runs() + "/" + manifest_name(m.run), text, r) : r;
}

loaded_manifests load_manifests(log::file_system& fs, const log::log_dir& dir) {
    loaded_manifests out;
    std::vector<std::string> names;
    if (const int r = fs.list(dir.runs(), names); r < 0 && r != -ENOENT)
        evbus::detail::throw_errno(-r, "read manifests", dir.runs());
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
        if (!name.ends_with(".json")) continue;
        std::string text;
        std::optional<manifest> m;
        if (log::detail::read_text(fs, dir.runs() + "/" + name, max_manifest_bytes, text) == 0)
            m = parse_manifest(text);
        if (m && manifest_name(m->run) == name) out.runs.push_back(std::move(*m));
        else out.unreadable.push_back(name);
    }
    std::stable_sort(out.runs.begin(), out.runs.end(),
                     [](const manifest& a, const manifest& b) { return a.started_ns < b.started_ns; });
    return out;
}

std::optional<seq_t> known_durable(const loaded_manifests& all) noexcept {
    std::optional<seq_t> out;
    for (const manifest& m : all.runs) {
        // A run begins when all before it is on the disk, and ends when all of it is.
        seq_t durable = std::max(m.durable_seq, m.first_seq == no_seq ? no_seq : m.first_seq - 1);
        if (m.status == run_status::ended) durable = std::max(durable, m.last_seq);
        out = std::max(out.value_or(no_seq), durable);
    }
    return out;
}

int mark_crashed(log::file_system& fs, const log::log_dir& dir, loaded_manifests& all, seq_t log_last_seq,
                 unsigned mode) {
    int marked = 0;
    for (manifest& m : all.runs) {
        if (m.status != run_status::running) continue;
        m.status = run_status::crashed;
        if (&m == &all.runs.back() && m.first_seq != no_seq && log_last_seq >= m.first_seq)
            m.last_seq = std::max(m.last_seq, log_last_seq);
        if (const int r = save_manifest(fs, dir, m, mode); r < 0) return r;
        ++marked;
    }
    return marked;
}

} // namespace recorder
} // namespace v1
} // namespace evbus
