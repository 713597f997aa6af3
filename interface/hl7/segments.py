"""The names of the standard's segments, and how many fields each has: what a path can lead to.

From hl7apy's definitions of 2.1 to 2.8.2 and the segment tables of 2.9; the largest number of all versions counts.
Written down here because loading all versions takes hl7apy seconds, and a mapping is checked at every start.
"""

LOCAL_FIELDS = 10
"""So many fields behind the last of the standard are taken for a site's own, or a later version's."""

FIELDS = {
    "ABS": 14, "ACC": 13, "ADD": 1, "ADJ": 15, "AFF": 5, "AIG": 15, "AIL": 13, "AIP": 13, "AIS": 13,
    "AL1": 6, "APR": 5, "ARQ": 25, "ARV": 9, "AUT": 29, "BHS": 14, "BLC": 2, "BLG": 4, "BPO": 14, "BPX": 21,
    "BTS": 3, "BTX": 20, "BUI": 12, "CDM": 13, "CDO": 4, "CER": 31, "CM0": 11, "CM1": 3, "CM2": 4, "CNS": 6,
    "CON": 25, "CSP": 4, "CSR": 16, "CSS": 3, "CTD": 7, "CTI": 3, "DB1": 8, "DG1": 26, "DMI": 5, "DON": 33,
    "DPS": 5, "DRG": 33, "DSC": 2, "DSP": 5, "ECD": 5, "ECR": 3, "EDU": 9, "EQL": 4, "EQP": 5, "EQU": 5,
    "ERQ": 3, "ERR": 12, "EVN": 7, "FAC": 12, "FHS": 14, "FT1": 43, "FTS": 2, "GOL": 22, "GP1": 5,
    "GP2": 14, "GT1": 57, "IAM": 30, "IAR": 4, "IIM": 15, "ILT": 11, "IN1": 55, "IN2": 72, "IN3": 27,
    "INV": 20, "IPC": 9, "IPR": 8, "ISD": 3, "ITM": 33, "IVC": 30, "IVT": 28, "LAN": 4, "LCC": 4, "LCH": 5,
    "LDP": 12, "LOC": 9, "LRL": 6, "MCP": 5, "MFA": 6, "MFE": 7, "MFI": 6, "MRG": 7, "MSA": 8, "MSH": 28,
    "NCK": 1, "NDS": 4, "NK1": 41, "NPU": 2, "NSC": 9, "NST": 15, "NTE": 9, "OBR": 55, "OBX": 33, "ODS": 4,
    "ODT": 3, "OH1": 7, "OH2": 17, "OH3": 7, "OH4": 7, "OM1": 59, "OM2": 11, "OM3": 8, "OM4": 18, "OM5": 4,
    "OM6": 3, "OM7": 24, "OMC": 13, "ORC": 38, "ORG": 13, "ORO": 0, "OVR": 5, "PAC": 8, "PCE": 4, "PCR": 23,
    "PD1": 26, "PDA": 9, "PDC": 15, "PEO": 25, "PES": 13, "PID": 40, "PKG": 9, "PM1": 24, "PMT": 12,
    "PR1": 25, "PRA": 12, "PRB": 30, "PRC": 18, "PRD": 14, "PRT": 24, "PSG": 6, "PSH": 14, "PSL": 48,
    "PSS": 5, "PTH": 7, "PV1": 54, "PV2": 50, "PYE": 7, "QAK": 6, "QID": 2, "QPD": 3, "QRD": 12, "QRF": 10,
    "QRI": 3, "RCP": 7, "RDF": 2, "RDT": 1, "REL": 16, "RF1": 25, "RFI": 4, "RGS": 3, "RMI": 3, "ROL": 16,
    "RQ1": 7, "RQD": 10, "RX1": 30, "RXA": 29, "RXC": 14, "RXD": 37, "RXE": 51, "RXG": 33, "RXO": 36,
    "RXR": 6, "RXV": 22, "SAC": 44, "SCD": 37, "SCH": 29, "SCP": 8, "SDD": 7, "SFT": 6, "SGH": 2, "SGT": 2,
    "SHP": 11, "SID": 4, "SLT": 5, "SPM": 32, "SPR": 4, "STF": 41, "STZ": 4, "TCC": 15, "TCD": 8, "TQ1": 14,
    "TQ2": 10, "TXA": 26, "UAC": 2, "UB1": 23, "UB2": 17, "URD": 7, "URS": 9, "VAR": 6, "VND": 6, "VTQ": 5,
}
"""Fields by segment name; 0: not known. Names that begin with Z are a site's own."""
