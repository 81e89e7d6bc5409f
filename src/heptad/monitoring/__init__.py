"""Monitoring: drift, quality and calibration of what serving logged, against a reference."""

from heptad.monitoring.calibration import CalibrationCount, CalibrationRatio
from heptad.monitoring.drift import ColumnDrift, DriftMonitor, DriftReport
from heptad.monitoring.histogram import Histogram
from heptad.monitoring.ks import KsResult, ks
from heptad.monitoring.psi import psi, psi_by_chance, psi_threshold
from heptad.monitoring.quality import ColumnQuality, QualityReference

__all__ = [
    "CalibrationCount",
    "CalibrationRatio",
    "ColumnDrift",
    "ColumnQuality",
    "DriftMonitor",
    "DriftReport",
    "Histogram",
    "KsResult",
    "QualityReference",
    "ks",
    "psi",
    "psi_by_chance",
    "psi_threshold",
]
