"""The fields a rule may fill, by the segments it looks in. An unknown one is an error with the nearest of these."""

MESSAGE = (
    "patient.mrn.extension",
    "patient.name",
    "patient.gender",
    "patient.birthDate",
    "patient.address",
    "patient.otherAddresses",
    "patient.contactPoints.home",
    "patient.contactPoints.work",
    "patient.contactPoints.other",
    "patient.deceased",
    "patient.identityUnknown",
    "patient.protected",
    "patient.protectedVisit",
    "patient.restricted",
    "appointment.id",
    "appointment.placer",
    "appointment.status",
    "appointment.type",
    "appointment.replaces",
    "upcomingAppointmentDate",
    "upcomingAppointmentProvider",
    "clinicName",
    "clinicNpi",
    "appointment.resources",
    "visit.number",
    "visit.account",
    "visit.class",
    "visit.expected",
    "visit.admitted",
    "visit.provider",
    "visit.primaryCare",
)
"""Of the whole message."""

MERGE = ("merge.prior", "merge.account", "merge.visit")
"""Of one MRG, with the PID before it and the PV1 behind it."""

PROBLEM = (
    "problem.codings",
    "problem.date",
    "problem.action",
    "problem.instance",
    "problem.confidential",
    "problem.resolved",
    "problem.confirmation",
    "problem.lifeCycle",
)
"""Of one DG1 or PRB."""

ORDER = (
    "order.placer",
    "order.filler",
    "order.prescription",
    "order.parent",
    "order.administered",
    "order.control",
    "order.status",
    "order.stop",
    "order.start",
    "order.duration",
    "order.inpatient",
    "order.confidential",
    "medication.nameCode",
    "medication.scheduleCode",
    "prescription.code",
    "prescription.form",
    "prescription.route",
    "prescription.dose",
    "prescription.strength",
    "prescription.text",
    "prescription.timing",
    "prescription.initialFillQuantity",
    "prescription.numberOfRefillsAllowed",
    "prescription.prescribedDate",
    "prescription.prescriber",
    "prescription.facility",
)
"""Of one order."""

SETTING = {
    "patient.mrn.root": "site.mrn_root",
    "clinicName": "request.clinic_name",
    "clinicNpi": "request.clinic_npi",
    "responseDirectAddress": "request.response_direct_address",
    "responseFaxNumber": "request.response_fax_number",
    "responseFriendlyName": "request.response_friendly_name",
    "batchId": "request.batch_id",
    "medicalSummaryPeriod": "request.summary_months",
    "directives.newPatient": "request.new_patient_types",
    "directives.diagnosticCategories": "request.diagnostic_categories",
}
"""Filled from the settings when a request is composed, and the setting each comes from."""

FORWARD = {"appointment.sendDaysBefore": "forward.send_days_before"}
"""What else a site may say of some appointments, and the setting it takes the place of; no field of the request."""

ORDERS = "order"
"""`each:` of the standard's pharmacy orders: ORC with what follows it up to the next ORC."""

SCOPES = {"": MESSAGE, "MRG": MERGE, "DG1": PROBLEM, "PRB": PROBLEM, ORDERS: ORDER}
"""What stands in `each:`, and the fields such a rule may fill. A segment's name: of each segment of that name."""
