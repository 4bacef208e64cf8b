"""
The instruments that pass observations to several others.
"""

from harness.service.adapters.fan_out.instruments import FanOutInstruments
from harness.service.adapters.memory.instruments import InMemoryInstruments
from harness.service.core.model.batch import BatchStatus


def test_every_part_gets_every_observation() -> None:
    """
    Each observation is passed once to each part.
    """
    parts = (InMemoryInstruments(), InMemoryInstruments())
    instruments = FanOutInstruments(parts)

    instruments.batch_entered(BatchStatus.READY)
    instruments.processing_finished(12.5, outcome=BatchStatus.READY)
    instruments.dead_letter()
    instruments.reprocess_requested()
    instruments.callback_failed()

    for part in parts:
        assert part.entered == {BatchStatus.READY: 1}
        assert part.durations == [(BatchStatus.READY, 12.5)]
        assert part.counts == {
            "media_batches_created_total": 1,
            "media_processing_dlq_messages_total": 1,
            "media_reprocess_requests_total": 1,
            "media_processing_callback_errors_total": 1,
        }
