#Requires -RunAsAdministrator
<#
.SYNOPSIS
Installs Ground2Cloud as a service of Windows that NSSM runs.

.DESCRIPTION
Calls "ground2cloud service install" of the Python that is named, which does all the work and says
what it does. Safe to run again. Needs NSSM 2.24-101 or later in PATH or %ProgramFiles%\NSSM.

.PARAMETER Python
The python.exe that has ground2cloud installed (never pythonw.exe).

.PARAMETER Instance
A further agent on this machine; its configuration is INSTANCE.toml.

.EXAMPLE
.\install.ps1 -Python "C:\Program Files\Ground2Cloud\Scripts\python.exe"
#>
[CmdletBinding()]
param(
    [string] $Python = 'python.exe',
    [string] $Instance = ''
)

$ErrorActionPreference = 'Stop'
$options = @('--manager', 'nssm')
if ($Instance) { $options += @('--instance', $Instance) }

& $Python -P -m ground2cloud service install @options
exit $LASTEXITCODE
