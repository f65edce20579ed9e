// A whole segment, written over at will and vouched for or not, alone or with another behind it.
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/small_log.hpp"

using namespace fuzz;

namespace {

enum op : std::uint8_t { patch, cut, insert, vouch_for_it, repeat, with_next, as_index, op_count };

std::string text(std::span<const std::uint8_t> from) { return {from.begin(), from.end()}; }

void apply(input& in, std::string& segment, memory_files& files) {
    switch (in.byte() % op_count) {
    case patch:
        if (!segment.empty()) in.patch({reinterpret_cast<std::uint8_t*>(segment.data()), segment.size()});
        break;
    case cut: segment.resize(in.number<std::uint16_t>() % (segment.size() + 1)); break;
    case insert: {
        const std::size_t at = in.number<std::uint16_t>() % (segment.size() + 1);
        segment.insert(at, text(in.stretch()));
        break;
    }
    case vouch_for_it: vouch(segment); break;
    case repeat: {
        const std::size_t from = in.number<std::uint16_t>() % (segment.size() + 1);
        segment.append(segment.substr(from, in.number<std::uint16_t>() % 2048));
        break;
    }
    case with_next: files[elog::segment_path(log_place, next_first())] = next_segment(); break;
    case as_index: files[elog::index_path(log_place, 1)] = text(in.stretch()); break;
    default: break;
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input in(data, size);
    memory_files files;
    std::string segment = whole_segment(static_cast<segment_kind>(in.byte() % 3));
    while (!in.empty() && segment.size() < 16 * 1024) apply(in, segment, files);
    files[elog::segment_path(log_place, 1)] = segment;
    meet_log(files);
    return 0;
}

std::vector<fuzz::bytes> fuzz::seeds() {
    std::vector<bytes> out;
    for (const unsigned kind : {0U, 1U, 2U}) {
        const auto begin = [kind] { return writer().byte(kind); };
        out.push_back(begin().done());
        out.push_back(begin().byte(with_next).done());
        out.push_back(begin().byte(patch).half(300).stretch("x").done());
        out.push_back(begin().byte(patch).half(128 + 24).stretch("\x05").byte(vouch_for_it).byte(with_next).done());
        out.push_back(begin().byte(patch).half(128 + 32).stretch("\xff\xff\xff\xff\xff\xff\xff").byte(vouch_for_it).done());
        out.push_back(begin().byte(cut).half(700).byte(with_next).done());
        out.push_back(begin().byte(repeat).half(128).half(400).byte(vouch_for_it).done());
        out.push_back(begin().byte(insert).half(128).stretch("12345678").done());
        out.push_back(begin().byte(as_index).stretch("not an index").byte(with_next).done());
    }
    return out;
}
