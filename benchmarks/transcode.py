"""Decode a video and encode it again, audio copied: all that PyAV needs, and nothing more.

`python benchmarks/transcode.py SOURCE TARGET PRESET CRF`
"""

import sys

import av
from av.codec.context import ThreadType


def transcode(source: str, target: str, preset: str, crf: str) -> None:
    """Encode by libx264, with threads as PyAV and x264 choose them."""
    with av.open(source) as old, av.open(target, "w") as new:
        video, sound = old.streams.video[0], old.streams.audio[0]
        video.thread_type = ThreadType.AUTO
        options = {"preset": preset, "crf": crf}
        out = new.add_stream("libx264", video.average_rate, options, time_base=video.time_base)
        out.width, out.height, out.pix_fmt = video.width, video.height, video.pix_fmt
        out.thread_type = ThreadType.AUTO
        copy = new.add_stream_from_template(sound)
        for packet in old.demux(video, sound):
            if packet.stream is video:
                for frame in packet.decode():
                    frame.pict_type = 0
                    new.mux(out.encode(frame))
            elif packet.dts is not None:
                packet.stream = copy
                new.mux(packet)
        new.mux(out.encode(None))


if __name__ == "__main__":
    transcode(*sys.argv[1:])
